import { COLUMNS, cells, described } from './markdown.ts';
import type { MediaResult, PlanResult } from './result.ts';

const [WIDTH, LABEL, BAR, GAP] = [760, 120, 18, 10];

function escaped(text: string): string {
  return text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Processor time per packet: user and system as one bar, the range of the rounds as a line through its end. */
function chart({ title, rows }: PlanResult): string {
  const shown = rows.flatMap(({ label, summary }) => (summary === null ? [] : [{ label, summary }]));
  const most = Math.max(...shown.map(({ summary }) => summary.cpu.max));
  if (shown.length === 0 || !(most > 0)) return '';
  const scale = (WIDTH - LABEL - 70) / most;
  const bars = shown.map(({ label, summary: { cpu, user, system } }, index) => {
    const y = index * (BAR + GAP);
    const share = user.median / Math.max(user.median + system.median, 1e-9);
    const [whole, userPart] = [cpu.median * scale, cpu.median * share * scale];
    const middle = y + BAR / 2;
    return [
      `<text x="${LABEL - 8}" y="${middle + 4}" text-anchor="end">${escaped(label)}</text>`,
      `<rect class="user" x="${LABEL}" y="${y}" width="${userPart.toFixed(1)}" height="${BAR}"/>`,
      `<rect class="system" x="${(LABEL + userPart).toFixed(1)}" y="${y}" width="${(whole - userPart).toFixed(1)}" height="${BAR}"/>`,
      `<line x1="${(LABEL + cpu.min * scale).toFixed(1)}" x2="${(LABEL + cpu.max * scale).toFixed(1)}" y1="${middle}" y2="${middle}"/>`,
      `<text x="${(LABEL + cpu.max * scale + 8).toFixed(1)}" y="${middle + 4}">${cpu.median.toFixed(2)} µs</text>`,
    ].join('');
  });
  const height = shown.length * (BAR + GAP);
  return `<svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="Processor time per packet, ${escaped(title)}">${bars.join('')}</svg>`;
}

function table({ rows }: PlanResult): string {
  const head = COLUMNS.map((column) => `<th scope="col">${escaped(column)}</th>`).join('');
  const body = rows.map((row) => {
    const [label = '', ...rest] = cells(row);
    return `<tr><th scope="row">${escaped(label)}</th>${rest.map((cell) => `<td>${escaped(cell)}</td>`).join('')}</tr>`;
  });
  return `<div class="wide"><table><thead><tr>${head}</tr></thead><tbody>${body.join('')}</tbody></table></div>`;
}

/** The whole result as one self-contained page. */
export function html(result: MediaResult): string {
  const { settings } = result;
  const facts = Object.entries(result.machine).map(
    ([name, value]) => `<dt>${escaped(name)}</dt><dd>${escaped(value)}</dd>`,
  );
  const who = described(result).map(
    ([label, about]) => `<dt>${escaped(label)}</dt><dd>${escaped(about)}</dd>`,
  );
  const plans = result.plans.map(
    (plan) =>
      `<section><h2>${escaped(plan.title)}</h2><p>${Math.round(plan.packetsPerSecond)} packets/s delivered</p>${chart(plan)}${table(plan)}</section>`,
  );
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Media benchmark</title>
<style>
:root { color-scheme: light dark; --user: #2b7a9b; --system: #e0a458; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 1100px; margin: 2rem auto; padding: 0 1rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: 0 1rem; }
dt { font-weight: 600; } dd { margin: 0; }
section { margin-top: 2.5rem; }
h2 { margin-bottom: 0; } section > p { margin-top: 0; opacity: 0.75; }
svg { width: 100%; max-width: ${WIDTH}px; font-size: 13px; } svg text { fill: currentColor; }
svg line { stroke: currentColor; stroke-width: 1.5; }
.user { fill: var(--user); } .system { fill: var(--system); }
.key::before { content: ""; display: inline-block; width: 0.8em; height: 0.8em; margin: 0 0.4em 0 1em; background: var(--user); }
.key.of-system::before { background: var(--system); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; font-size: 13px; font-variant-numeric: tabular-nums; white-space: nowrap; }
th, td { padding: 0.3em 0.7em; text-align: right; border-bottom: 1px solid #8884; }
th:first-child { text-align: left; }
</style>
<h1>Media benchmark</h1>
<p>What forwarding a packet costs: processor time of the whole process per packet delivered to a subscriber (µs per packet are seconds per million packets). ${escaped(result.startedAt)}, ${escaped(settings.profile)}, over ${escaped(settings.network)}, ${settings.rounds} interleaved rounds of ${settings.seconds} s, the first dropped. Medians, ranges in brackets; ratios are taken within a round.</p>
<p>Bars: <span class="key">user</span><span class="key of-system">system</span>; the line is the range of the rounds.</p>
<dl>${who.join('')}</dl>
${plans.join('\n')}
<h2>The machine</h2>
<dl>${facts.join('')}</dl>
</html>
`;
}
