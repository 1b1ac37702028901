import { timesOf } from '../report/fault-times.ts';
import type { FaultResult, RunResult } from '../report/result.ts';
import type { Thresholds } from '../scenario/schema.ts';

type Sums = Pick<RunResult, 'totals' | 'distributions' | 'faults' | 'saturation'>;

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
  firstPacketP50: {
    what: 'time to the first decrypted packet, p50',
    unit: 'ms',
    read: ({ distributions }) => distributions.firstPacket.p50,
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
  recoveryP95: {
    what: 'time that faults took media away from each whom they did, p95',
    unit: 'ms',
    read: ({ faults }) =>
      faults.every(({ recovered }) => recovered) ? timesOf(faults).p95 : Number.POSITIVE_INFINITY,
  },
  packetsPerSecond: {
    what: 'packets delivered a second',
    unit: '/s',
    least: true,
    read: ({ totals }) => totals.packetsPerSecond,
  },
  held: {
    what: 'participants held without saturation',
    unit: '',
    least: true,
    read: ({ totals, saturation }) => saturation?.held.participants ?? totals.most,
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
