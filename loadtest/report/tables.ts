import { quantileOf } from './fault-times.ts';
import { bits, bytes, count, figure, milliseconds, percent, seconds } from './format.ts';
import type { RunResult } from './result.ts';
import { html, type Markup, nothing } from './svg/markup.ts';

/** What was attempted against the fence, and what came of it. */
export function isolationTable({ isolation }: RunResult): Markup {
  if (isolation.kinds.length === 0) return html`<p class="empty">Nothing forbidden was attempted.</p>`;
  const rows = isolation.kinds.map(
    ({ kind, what, attempts, admitted, refused, unanswered, codes }) =>
      html`<tr><td>${what}<br><code>${kind}</code></td><td class="n">${attempts}</td><td class="n">${
        admitted > 0 ? html`<b class="bad">${admitted}</b>` : html`<b class="good">0</b>`
      }</td><td class="n">${refused}</td><td class="n">${unanswered}</td><td><code>${Object.entries(codes)
        .map(([code, times]) => `${code} ${times}`)
        .join(', ')}</code></td></tr>`,
  );
  const admissions = isolation.admissions
    .slice(0, 20)
    .map(({ at, what, answer }) => html`<li><b>${seconds(at)}</b> ${what}: <code>${answer}</code></li>`);
  const list = admissions.length === 0 ? nothing : html`<ul class="reasons">${admissions}</ul>`;
  return html`${list}<div class="table"><table><thead><tr><th>attempt</th><th class="n">made</th><th class="n">admitted</th><th class="n">refused</th><th class="n">nobody there</th><th>answers</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

export function thresholdTable({ thresholds }: RunResult): Markup {
  if (thresholds.length === 0) return html`<p class="empty">The scenario sets none.</p>`;
  const show = (value: number | null, unit: string): string => {
    if (value === null || !Number.isFinite(value)) return 'not measured';
    if (unit === 'ms') return milliseconds(value);
    if (unit === 'bit/s') return bits(value);
    return unit === 'share' ? percent(value) : `${figure(value)} ${unit}`;
  };
  const rows = thresholds.map(
    ({ name, what, limit, least, value, unit, holds }) =>
      html`<tr><td>${what} <code>${name}</code></td><td class="n">${show(value, unit)}</td><td class="n">${least ? 'at least' : 'at most'} ${show(limit, unit)}</td><td class="${holds ? 'good' : 'bad'}"><b>${holds ? 'holds' : 'missed'}</b></td></tr>`,
  );
  return html`<div class="table"><table><thead><tr><th>what</th><th class="n">measured</th><th class="n">limit</th><th></th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

export function pairTable({ pairs }: RunResult): Markup {
  if (pairs.length === 0) return html`<p class="empty">No media was measured.</p>`;
  const rows = pairs.map(
    ({ from, to, packets, loss, freezes, layer, latency, jitter }) =>
      html`<tr><td>${from} → ${to}</td><td class="n">${count(packets)}</td><td class="n">${percent(loss)}</td><td class="n">${milliseconds(latency.p50)}</td><td class="n">${milliseconds(latency.p90)}</td><td class="n">${milliseconds(latency.p99)}</td><td class="n">${milliseconds(latency.max)}</td><td class="n">${milliseconds(jitter.p50)}</td><td class="n">${milliseconds(jitter.p95)}</td><td class="n">${freezes}</td><td class="n">${layer === null ? '–' : layer.toFixed(2)}</td></tr>`,
  );
  return html`<div class="table"><table><thead><tr><th>from → to</th><th class="n">packets</th><th class="n">lost</th><th class="n">latency p50</th><th class="n">p90</th><th class="n">p99</th><th class="n">most</th><th class="n">jitter p50</th><th class="n">p95</th><th class="n">freezes</th><th class="n">mean layer of cameras</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** What comes of each source to those for whom it is meant. */
export function receivedTable({ received }: RunResult): Markup {
  if (received.length === 0) return nothing;
  const rows = received.map(
    ({ to, source, receivers, least, mean }) =>
      html`<tr><td>${source} to ${to}</td><td class="n">${receivers}</td><td class="n">${bits(mean)}</td><td class="n">${least === 0 ? html`<b class="bad">nothing</b>` : bits(least)}</td></tr>`,
  );
  return html`<h2>Received of each stream</h2><div class="table"><table><thead><tr><th>what</th><th class="n">receivers</th><th class="n">mean</th><th class="n">who gets least</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

export function processTable({ processes }: RunResult): Markup {
  if (processes.length === 0)
    return html`<p class="empty">The target's processes do not run on this machine.</p>`;
  const rows = processes.map(
    ({ name, kind, pid, cpuMean, cpuMax, memoryMean, memoryMax, diedAt }) =>
      html`<tr><td>${name}${diedAt === null ? nothing : html` <b class="bad">died at ${seconds(diedAt)}</b>`}</td><td>${kind}</td><td class="n">${pid}</td><td class="n">${percent(cpuMean)}</td><td class="n">${percent(cpuMax)}</td><td class="n">${bytes(memoryMean)}</td><td class="n">${bytes(memoryMax)}</td></tr>`,
  );
  return html`<div class="table"><table><thead><tr><th>process</th><th>kind</th><th class="n">number</th><th class="n">CPU, mean</th><th class="n">most</th><th class="n">memory, mean</th><th class="n">most</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

export function faultTable({ faults }: RunResult): Markup {
  if (faults.length === 0) return nothing;
  const rows = faults.map(
    ({ at, what, affected, longestMs, timesMs, recovered }) =>
      html`<tr><td class="n">${seconds(at)}</td><td>${what}</td><td class="n">${affected}</td><td class="n">${milliseconds(quantileOf(timesMs, 0.5))}</td><td class="n">${milliseconds(quantileOf(timesMs, 0.95))}</td><td class="n">${milliseconds(longestMs)}</td><td class="${recovered ? 'good' : 'bad'}"><b>${affected === 0 ? 'nobody for more than 0.5 s' : recovered ? 'all came back' : 'not all came back'}</b></td></tr>`,
  );
  return html`<h2>Faults, and what became of them</h2><div class="table"><table><thead><tr><th class="n">at</th><th>what</th><th class="n">lost media</th><th class="n">for, p50</th><th class="n">p95</th><th class="n">at most</th><th></th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

export function failureTable({ failures }: RunResult): Markup {
  if (failures.length === 0) return nothing;
  const rows = failures.map(
    ({ code, message, count: times }) =>
      html`<tr><td class="n">${times}</td><td><code>${code}</code></td><td>${message}</td></tr>`,
  );
  return html`<h2>What participants were told</h2><div class="table"><table><thead><tr><th class="n">times</th><th>code</th><th>message</th></tr></thead><tbody>${rows}</tbody></table></div>`;
}

/** Where and with what it was measured. */
export function originTable({ machine, versions, scenario, target, startedAt }: RunResult): Markup {
  const facts: [string, string][] = [
    ['machine', `${machine.cpu}, ${machine.cores} cores, ${bytes(machine.memory)}`],
    ['system', `${machine.system}, Linux ${machine.kernel}, load ${machine.load} before the run`],
    ...Object.entries(versions),
    ['scenario', `${scenario.file}, seed ${scenario.seed}`],
    ['policy', scenario.policy],
    ['began', startedAt],
    ['nodes', target.nodes.map(({ id, region }) => `${id} (${region})`).join(', ')],
  ];
  const rows = facts.map(([name, value]) => html`<tr><th>${name}</th><td>${value}</td></tr>`);
  return html`<div class="table"><table><tbody>${rows}</tbody></table></div>`;
}
