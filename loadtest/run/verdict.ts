import { distributionOf } from '../measure/distribution.ts';
import { Histogram } from '../measure/histogram.ts';
import { timesOf } from '../report/fault-times.ts';
import type { FaultResult, PairResult, ReceivedResult, RunResult } from '../report/result.ts';
import type { ReceivedThresholds, Thresholds } from '../scenario/schema.ts';
import { lossOf } from './recorder.ts';

type Sums = Pick<RunResult, 'totals' | 'distributions' | 'pairs' | 'received' | 'faults' | 'saturation'>;

interface Rule<From> {
  readonly what: string;
  readonly unit: string;
  readonly least?: boolean;
  readonly read: (from: From) => number | null;
}

/** One rule for each threshold. */
type Rules<T, From> = { readonly [Name in keyof Required<T>]: Rule<From> };

const RULES: Rules<Omit<Thresholds, 'to' | 'least'>, Sums> = {
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

/** Of the pairs of regions with the same receivers. */
const RECEIVED_RULES: Rules<Omit<ReceivedThresholds, 'least'>, readonly PairResult[]> = {
  loss: {
    what: 'packets that never came',
    unit: 'share',
    read: (pairs) => {
      const [packets, missing] = [sumOf(pairs, (pair) => pair.packets), sumOf(pairs, (pair) => pair.missing)];
      return packets === 0 ? null : lossOf(packets, missing);
    },
  },
  latencyP99: {
    what: 'one-way latency, p99',
    unit: 'ms',
    read: (pairs) =>
      distributionOf(pairs.reduce((all, { latency }) => all.addBuckets(latency.buckets), new Histogram()))
        .p99,
  },
  layerLeast: { what: 'mean layer of cameras', unit: '', least: true, read: meanLayer },
  layerMost: { what: 'mean layer of cameras', unit: '', read: meanLayer },
};

/** The thresholds of a scenario beside what was measured. What was not measured does not hold. */
export function judge(
  { to = {}, least = {}, ...thresholds }: Thresholds,
  sums: Sums,
): RunResult['thresholds'] {
  return [
    ...judgeBy(RULES, thresholds, sums),
    ...judgeLeast(least, sums.received),
    ...Object.entries(to).flatMap(([region, { least: there = {}, ...received }]) =>
      [
        ...judgeBy(
          RECEIVED_RULES,
          received,
          sums.pairs.filter((pair) => pair.to === region),
        ),
        ...judgeLeast(
          there,
          sums.received.filter((one) => one.to === region),
        ),
      ].map((one) => ({ ...one, name: `to.${region}.${one.name}`, what: `${one.what}, to ${region}` })),
    ),
  ];
}

function judgeLeast(
  limits: NonNullable<Thresholds['least']>,
  received: readonly ReceivedResult[],
): RunResult['thresholds'] {
  return Object.entries(limits).map(([source, limit]) => {
    const found = received.flatMap((one) => (one.source === source ? [one.least] : []));
    const value = found.length === 0 ? null : Math.min(...found);
    return {
      name: `least.${source}`,
      what: `${source}: what whoever gets least of it gets of each stream`,
      limit,
      least: true,
      value,
      unit: 'bit/s',
      holds: value !== null && value >= limit,
    };
  });
}

function judgeBy<From>(
  rules: Readonly<Record<string, Rule<From>>>,
  thresholds: Readonly<Record<string, number | undefined>>,
  from: From,
): RunResult['thresholds'] {
  return Object.entries(rules).flatMap(([name, { what, unit, least = false, read }]) => {
    const limit = thresholds[name];
    if (limit === undefined) return [];
    const value = read(from);
    const holds = value !== null && (least ? value >= limit : value <= limit);
    return { name, what, limit, least, value, unit, holds };
  });
}

function meanLayer(pairs: readonly PairResult[]): number | null {
  const cameras = sumOf(pairs, (pair) => pair.cameras);
  return cameras === 0 ? null : sumOf(pairs, (pair) => pair.cameras * (pair.layer ?? 0)) / cameras;
}

function sumOf(pairs: readonly PairResult[], read: (pair: PairResult) => number): number {
  return pairs.reduce((sum, pair) => sum + read(pair), 0);
}

function longestOf(faults: readonly FaultResult[]): number | null {
  if (faults.length === 0) return null;
  if (faults.some(({ recovered }) => !recovered)) return Number.POSITIVE_INFINITY;
  return Math.max(...faults.map(({ longestMs }) => longestMs ?? 0));
}
