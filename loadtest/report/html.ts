import { spreadCharts, timeCharts } from './charts.ts';
import { bits, count, milliseconds, percent, seconds } from './format.ts';
import type { RunResult } from './result.ts';
import { saturationWords } from './saturation.ts';
import { STYLE } from './style.ts';
import { isolationLine } from './summary.ts';
import { html, type Markup, nothing } from './svg/markup.ts';
import { timeline } from './svg/timeline.ts';
import {
  failureTable,
  faultTable,
  isolationTable,
  originTable,
  pairTable,
  processTable,
  receivedTable,
  thresholdTable,
} from './tables.ts';

const VERDICT: { readonly [Outcome in RunResult['outcome']]: readonly [string, string] } = {
  passed: ['good', 'passed'],
  failed: ['bad', 'failed'],
  interrupted: ['warn', 'interrupted: a part of the run'],
  broken: ['bad', 'could not go on: a part of the run'],
};

/** The whole result as one HTML page that needs nothing else: no script, no font, no picture from anywhere. */
export function reportOf(result: RunResult): string {
  const { scenario, reasons, notes, seconds: length } = result;
  const [tone, verdict] = VERDICT[result.outcome];
  const list = (lines: readonly string[]): Markup => html`${lines.map((line) => html`<li>${line}</li>`)}`;
  const page = html`<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<title>${scenario.name}: ${isolationLine(result.isolation)}</title><style>${{ text: STYLE }}</style></head>
<body><main>
${fence(result)}
<h1>${scenario.name} <span class="verdict ${tone}">${verdict}</span></h1>
<p class="about">${scenario.about}</p>
<p class="about">${counted(scenario.participants, 'participant')} in ${counted(scenario.rooms, 'room')}, ${counted(result.target.nodes.length, 'node')}, ${seconds(length)}, seed ${scenario.seed}.</p>
<p class="load">${saturationWords(result)}</p>
${reasons.length === 0 ? nothing : html`<ul class="reasons">${list(reasons)}</ul>`}
${tiles(result)}
<h2>Thresholds</h2>${thresholdTable(result)}
<h2>Over time</h2>${timeCharts(result)}
<h2>What happened</h2>${timeline(result.events, Math.max(length, result.series.at(-1)?.at ?? 0))}
${faultTable(result)}
<h2>Spread</h2>${spreadCharts(result)}
<h2>Between regions</h2>${pairTable(result)}
${receivedTable(result)}
<h2>Forbidden attempts</h2>${isolationTable(result)}
${failureTable(result)}
<h2>Processes</h2>${processTable(result)}
<h2>Where and with what</h2>${originTable(result)}
${notes.length === 0 ? nothing : html`<h2>Before trusting the figures</h2><ul>${list(notes)}</ul>`}
<footer>Media figures are of phases that are measured. Latency is one way, from the moment a packet was made to the moment it came out of decryption, by one clock. Loss is what never came, after retransmission.</footer>
</main></body></html>
`;
  return page.text;
}

/** The first line: how many forbidden attempts were made, and how many were admitted. */
function fence({ isolation }: RunResult): Markup {
  const { attempts, admitted, unanswered, controls } = isolation;
  const proved = attempts > 0 && attempts > unanswered;
  const tone = admitted > 0 ? 'broken' : proved ? '' : 'unproved';
  const beside = [
    unanswered === 0 ? '' : `${unanswered} met a node that was down.`,
    controls.attempts === 0
      ? ''
      : `Beside them ${controls.admitted} of ${controls.attempts} allowed attempts were admitted: the doors do open.`,
  ];
  return html`<p class="fence ${tone}">${grouped(attempts)} forbidden attempts made, ${grouped(admitted)} admitted.<small>${beside.join(' ')}</small></p>`;
}

function tiles({ totals, distributions, series }: RunResult): Markup {
  const measured = series.filter((point) => point.measured);
  const bitrate =
    measured.reduce((sum, { bitsPerSecond }) => sum + bitsPerSecond, 0) / Math.max(1, measured.length);
  const tile = (value: string, name: string): Markup =>
    html`<div class="tile"><b>${value}</b><span>${name}</span></div>`;
  return html`<div class="tiles">${[
    tile(count(totals.most), 'participants at once'),
    tile(`${totals.joined} of ${totals.joins}`, 'joins succeeded'),
    tile(`${count(totals.packetsPerSecond)}/s`, `packets delivered, ${bits(bitrate)}`),
    tile(percent(totals.loss), 'of the packets never came'),
    tile(
      milliseconds(distributions.latency.p50),
      `latency p50; p99 ${milliseconds(distributions.latency.p99)}`,
    ),
    tile(milliseconds(distributions.firstPacket.p95), 'to the first packet, p95'),
    tile(String(totals.freezes), `freezes, ${count(totals.freezesPerMinute)} per person and minute`),
    tile(
      totals.cpuPerMillion === null ? '–' : `${count(totals.cpuPerMillion)} s`,
      'CPU of nodes and workers per million packets',
    ),
  ]}</div>`;
}

function counted(value: number, what: string): string {
  return `${count(value)} ${what}${value === 1 ? '' : 's'}`;
}

function grouped(value: number): string {
  return String(value).replace(/\B(?=(\d{3})+$)/g, '\u202f');
}
