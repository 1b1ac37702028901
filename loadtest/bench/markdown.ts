import { machineLines } from './machine.ts';
import type { MediaResult, Row, Spread } from './result.ts';

/** One number: `6.5`, or its range too. */
export function shown(value: Spread | null | undefined, digits: number, range = true): string {
  if (value === null || value === undefined) return '–';
  const text = value.median.toFixed(digits);
  return range ? `${text} (${value.min.toFixed(digits)}–${value.max.toFixed(digits)})` : text;
}

export const COLUMNS = [
  'forwarder',
  'CPU µs/packet',
  'user',
  'system',
  'to reference',
  'to stock',
  'added latency p50 ms',
  'p99 ms',
  'kB/subscriber',
  'core used',
  'rounds',
] as const;

/** A row's cells, in the order of COLUMNS. */
export function cells({ label, summary, voids }: Row): string[] {
  if (summary === null) return [label, `void: ${voids.join('; ') || 'no round'}`, ...Array(9).fill('')];
  const ms = (value: Spread): Spread => ({
    median: value.median / 1000,
    min: value.min / 1000,
    max: value.max / 1000,
  });
  return [
    label,
    shown(summary.cpu, 2),
    shown(summary.user, 2, false),
    shown(summary.system, 2, false),
    shown(summary.ratios.reference, 2),
    shown(summary.ratios.stock, 2),
    shown(ms(summary.p50), 2, false),
    shown(ms(summary.p99), 2),
    summary.memoryPerPeer === null ? '–' : shown(ms(summary.memoryPerPeer), 0, false),
    `${Math.round(summary.load.median * 100)} %`,
    String(summary.rounds),
  ];
}

/** Each forwarder: label, and what it is with the libraries that it was seen to encrypt with. */
export function described({ forwarders, plans }: MediaResult): [string, string][] {
  return forwarders.map(({ label, about }) => {
    const rows = plans.flatMap((plan) => plan.rows.filter((row) => row.label === label));
    const loaded = [...new Set(rows.flatMap(({ cryptography }) => cryptography))];
    return [label, loaded.length === 0 ? about : `${about} (loaded: ${loaded.join(', ')})`];
  });
}

/** The whole result as Markdown. */
export function markdown(result: MediaResult): string {
  const { settings, machine } = result;
  const lines = [
    '# Media benchmark',
    '',
    `${result.startedAt}, ${settings.profile}, over ${settings.network}, ${settings.bandwidthEstimation ? 'with bandwidth estimation, ' : ''}${settings.rounds} interleaved rounds of ${settings.seconds} s, the first dropped. Medians, with ranges in brackets. CPU is of the whole process (all threads, user and system), per packet delivered to a subscriber, so that µs per packet are seconds per million. Ratios and differences are taken within a round.`,
    '',
    ...machineLines(machine),
    '',
    ...described(result).map(([label, about]) => `- **${label}**: ${about}`),
    '',
  ];
  for (const plan of result.plans) {
    lines.push(`## ${plan.title}, ${Math.round(plan.packetsPerSecond)} packets/s delivered`, '');
    lines.push(`| ${COLUMNS.join(' | ')} |`, `|${COLUMNS.map(() => '---').join('|')}|`);
    for (const row of plan.rows) lines.push(`| ${cells(row).join(' | ')} |`);
    lines.push('');
  }
  return lines.join('\n');
}
