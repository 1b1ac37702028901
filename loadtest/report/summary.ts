import { timesOf } from './fault-times.ts';
import type { RunResult } from './result.ts';
import { saturationWords } from './saturation.ts';

/** The result for a terminal; the first line is what the product is judged by. */
export function summaryOf(result: RunResult): string {
  const { isolation, totals, distributions, thresholds, outcome, reasons } = result;
  const ms = (value: number | null): string => (value === null ? '–' : `${value.toFixed(1)} ms`);
  const lines = [
    isolationLine(isolation),
    `${outcome.toUpperCase()}: ${result.scenario.name}, ${result.seconds.toFixed(0)} s, seed ${result.scenario.seed}`,
    `joins         ${totals.joined} of ${totals.joins}, ${totals.lost} lost later; p50 ${ms(distributions.join.p50)}, p95 ${ms(distributions.join.p95)}`,
    `first packet  p50 ${ms(distributions.firstPacket.p50)}, p95 ${ms(distributions.firstPacket.p95)}`,
    `media         ${totals.packets} packets in ${totals.measuredSeconds.toFixed(0)} s (${totals.packetsPerSecond}/s), ${(totals.loss * 100).toFixed(3)} % lost, ${totals.freezes} freezes`,
    `latency       p50 ${ms(distributions.latency.p50)}, p99 ${ms(distributions.latency.p99)}; jitter p95 ${ms(distributions.jitter.p95)}`,
    `cost          ${totals.cpuPerMillion === null ? '–' : `${totals.cpuPerMillion} CPU seconds per million packets`}`,
  ];
  for (const { what, affected, longestMs, recovered, at } of result.faults)
    lines.push(
      `fault         ${at.toFixed(1)} s, ${what}: ${affected === 0 ? 'nobody without media for more than 0.5 s' : `${affected} without media, ${recovered ? `at most ${ms(longestMs)}` : 'NOT ALL RECOVERED'}`}`,
    );
  const times = timesOf(result.faults);
  if (times.count > 0)
    lines.push(
      `without media ${times.count} times: p50 ${ms(times.p50)}, p95 ${ms(times.p95)}, at most ${ms(times.max)}`,
    );
  lines.push(`load          ${saturationWords(result)}`);
  for (const { name, limit, value, holds, least, unit } of thresholds)
    lines.push(
      `${holds ? 'holds' : 'MISSED'.padEnd(5)}${holds ? '         ' : '        '}${name} ${value === null ? 'not measured' : Number(value.toPrecision(5))} ${unit} (${least ? 'least' : 'most'} ${limit})`,
    );
  for (const { code, message, count } of result.failures)
    lines.push(`failed        ${count} × ${code}: ${message}`);
  for (const reason of reasons) lines.push(`because       ${reason}`);
  for (const note of result.notes) lines.push(`note          ${note}`);
  return `${lines.join('\n')}\n`;
}

/** "1 204 forbidden attempts, 0 admitted". */
export function isolationLine({ attempts, admitted, unanswered, controls }: RunResult['isolation']): string {
  const unseen = unanswered === 0 ? '' : `, ${unanswered} answered by nobody`;
  const beside =
    controls.attempts === 0 ? '' : `; beside them ${controls.admitted} of ${controls.attempts} allowed ones`;
  return `${attempts} forbidden attempts made, ${admitted} admitted${unseen}${beside}`;
}
