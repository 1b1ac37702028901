import type { FaultResult, Point, RunResult } from '../report/result.ts';
import type { Thresholds } from '../scenario/schema.ts';

type Sums = Pick<RunResult, 'totals' | 'distributions' | 'faults'>;

interface Rule {
  readonly what: string;
  readonly unit: string;
  readonly least?: boolean;
  readonly read: (sums: Sums) => number | null;
}

const RULES: { readonly [Name in keyof Required<Thresholds>]: Rule } = {
  joined: {
    what: 'joins that succeed',
    unit: 'share',
    least: true,
    read: ({ totals }) => (totals.joins === 0 ? null : totals.joined / totals.joins),
  },
  joinP95: { what: 'time to join, p95', unit: 'ms', read: ({ distributions }) => distributions.join.p95 },
  firstPacketP95: {
    what: 'time to the first decrypted packet, p95',
    unit: 'ms',
    read: ({ distributions }) => distributions.firstPacket.p95,
  },
  loss: {
    what: 'packets that never came',
    unit: 'share',
    read: ({ totals }) => (totals.packets === 0 ? null : totals.loss),
  },
  latencyP50: {
    what: 'one-way latency, p50',
    unit: 'ms',
    read: ({ distributions }) => distributions.latency.p50,
  },
  latencyP99: {
    what: 'one-way latency, p99',
    unit: 'ms',
    read: ({ distributions }) => distributions.latency.p99,
  },
  jitterP95: {
    what: 'interarrival jitter, p95',
    unit: 'ms',
    read: ({ distributions }) => distributions.jitter.p95,
  },
  freezesPerMinute: {
    what: 'freezes per participant and minute',
    unit: '',
    read: ({ totals }) => (totals.measuredSeconds === 0 ? null : totals.freezesPerMinute),
  },
  recovery: {
    what: 'longest time that a fault took media away',
    unit: 'ms',
    read: ({ faults }) => longestOf(faults),
  },
  packetsPerSecond: {
    what: 'packets delivered a second',
    unit: '/s',
    least: true,
    read: ({ totals }) => totals.packetsPerSecond,
  },
};

/** The thresholds of a scenario beside what was measured. What was not measured does not hold. */
export function judge(thresholds: Thresholds, sums: Sums): RunResult['thresholds'] {
  return namesOf(thresholds).map((name) => {
    const { what, unit, least = false, read } = RULES[name];
    const limit = thresholds[name] ?? 0;
    const value = read(sums);
    const holds = value !== null && (least ? value >= limit : value <= limit);
    return { name, what, limit, least, value, unit, holds };
  });
}

/** Share of lost packets, and of one core, at which quality gives way. */
const LOSS = 0.001;
const CPU = 0.95;
/** Fewer packets than this in an interval say nothing of a share of a thousandth. */
const PACKETS = 2000;

/** Where quality first gave way for two intervals in a row; null where it did not. */
export function saturationOf(series: readonly Point[]): RunResult['saturation'] {
  let earlier: string | null = null;
  for (const point of series) {
    const why = strainOf(point);
    if (why !== null && earlier !== null) {
      const { at, participants, packetsPerSecond } = point;
      return { at, participants, packetsPerSecond, why };
    }
    earlier = why;
  }
  return null;
}

function strainOf({ loss, packetsPerSecond, seconds, processes, measured }: Point): string | null {
  if (!measured) return null;
  if (loss > LOSS && packetsPerSecond * seconds >= PACKETS)
    return `${(loss * 100).toFixed(2)} % of the packets lost`;
  const full = Object.entries(processes).find(([, { cpu }]) => cpu >= CPU);
  return full === undefined ? null : `${full[0]} at ${Math.round(full[1].cpu * 100)} % of a core`;
}

function longestOf(faults: readonly FaultResult[]): number | null {
  if (faults.length === 0) return null;
  if (faults.some(({ recovered }) => !recovered)) return Number.POSITIVE_INFINITY;
  return Math.max(...faults.map(({ longestMs }) => longestMs ?? 0));
}

function namesOf(thresholds: Thresholds): (keyof Thresholds)[] {
  const names: (keyof Thresholds)[] = [];
  for (const name of typedKeys(RULES)) if (thresholds[name] !== undefined) names.push(name);
  return names;
}

function typedKeys<K extends string>(record: { readonly [Key in K]: unknown }): K[] {
  const keys: K[] = [];
  for (const key in record) keys.push(key);
  return keys;
}
