import { count, milliseconds, percent } from './format.ts';
import type { RunResult } from './result.ts';
import { isolationLine } from './summary.ts';

interface Figure {
  readonly name: string;
  readonly read: (result: RunResult) => number | null;
  readonly format: (value: number) => string;
  /** More is better, rather than less; null: neither. */
  readonly more: boolean | null;
}

const FIGURES: readonly Figure[] = [
  { name: 'participants at once', read: ({ totals }) => totals.most, format: count, more: null },
  {
    name: 'joins that succeeded',
    read: ({ totals }) => ratio(totals.joined, totals.joins),
    format: percent,
    more: true,
  },
  {
    name: 'join p95',
    read: ({ distributions }) => distributions.join.p95,
    format: milliseconds,
    more: false,
  },
  {
    name: 'first packet p95',
    read: ({ distributions }) => distributions.firstPacket.p95,
    format: milliseconds,
    more: false,
  },
  { name: 'packets/s', read: ({ totals }) => totals.packetsPerSecond, format: count, more: null },
  { name: 'lost', read: ({ totals }) => totals.loss, format: percent, more: false },
  {
    name: 'latency p50',
    read: ({ distributions }) => distributions.latency.p50,
    format: milliseconds,
    more: false,
  },
  {
    name: 'latency p99',
    read: ({ distributions }) => distributions.latency.p99,
    format: milliseconds,
    more: false,
  },
  {
    name: 'jitter p95',
    read: ({ distributions }) => distributions.jitter.p95,
    format: milliseconds,
    more: false,
  },
  { name: 'freezes per minute', read: ({ totals }) => totals.freezesPerMinute, format: count, more: false },
  { name: 'CPU s per million', read: ({ totals }) => totals.cpuPerMillion, format: count, more: false },
];

/** Two results side by side, for a terminal, with what makes them hard to compare said first. */
export function compare(a: RunResult, b: RunResult): string {
  const warnings = [
    differs('scenarios', a.scenario.name, b.scenario.name),
    differs('seeds', a.scenario.seed, b.scenario.seed),
    differs('processors', a.machine.cpu, b.machine.cpu),
    differs('cores', a.machine.cores, b.machine.cores),
    differs('generators', a.versions.generator ?? '', b.versions.generator ?? ''),
    a.outcome === 'interrupted' || b.outcome === 'interrupted' ? 'one of them was interrupted' : '',
    'one run each says little on a busy machine: repeat both, in turns, before believing a difference',
  ].filter((line) => line !== '');
  const rows = FIGURES.map(({ name, read, format, more }) => {
    const [one, other] = [read(a), read(b)];
    const show = (value: number | null): string => (value === null ? '–' : format(value));
    return [name, show(one), show(other), one === null || other === null ? '' : change(one, other, more)];
  });
  const table = [['', 'A', 'B', 'B to A'], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => (row[column] ?? '').length)));
  const lines = table.map(([name = '', one = '', other = '', how = '']) =>
    `${name.padEnd(widths[0] ?? 0)}  ${one.padStart(widths[1] ?? 0)}  ${other.padStart(widths[2] ?? 0)}  ${how}`.trimEnd(),
  );
  return [
    `A: ${isolationLine(a.isolation)}`,
    `B: ${isolationLine(b.isolation)}`,
    `A: ${a.outcome}, ${a.scenario.name}, ${a.startedAt}, Watershed ${a.versions.watershed ?? '?'}`,
    `B: ${b.outcome}, ${b.scenario.name}, ${b.startedAt}, Watershed ${b.versions.watershed ?? '?'}`,
    ...warnings.map((line) => `mind: ${line}`),
    '',
    ...lines,
    '',
  ].join('\n');
}

function change(one: number, other: number, more: boolean | null): string {
  if (one === other) return 'the same';
  const by = one === 0 ? (other > 0 ? 'from nothing' : '') : `× ${(other / one).toFixed(2)}`;
  if (more === null) return by;
  return `${by} ${other > one === more ? 'better' : 'worse'}`;
}

function differs(what: string, a: string | number, b: string | number): string {
  return a === b ? '' : `their ${what} differ: ${a} and ${b}`;
}

function ratio(part: number, all: number): number | null {
  return all === 0 ? null : part / all;
}
