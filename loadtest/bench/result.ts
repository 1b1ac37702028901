import { existsSync, readFileSync } from 'node:fs';
import { isDeepStrictEqual } from 'node:util';
import { z } from 'zod';
import type { Sample } from './measure.ts';
import type { Played } from './rounds.ts';

/** Everything that one run of the media benchmark found; `results/README.md` describes it. */
export interface MediaResult {
  readonly format: 'watershed-media-benchmark';
  readonly version: 1;
  readonly startedAt: string;
  readonly machine: Readonly<Record<string, string>>;
  readonly settings: {
    readonly profile: string;
    readonly rounds: number;
    readonly seconds: number;
    readonly fresh: boolean;
    readonly tickUs: number;
    readonly network: string;
    readonly bandwidthEstimation: boolean;
  };
  readonly forwarders: readonly { readonly label: string; readonly about: string }[];
  readonly plans: readonly PlanResult[];
}

export interface PlanResult {
  readonly title: string;
  readonly shape: string;
  readonly fanOut: number;
  readonly packetsPerSecond: number;
  readonly rows: readonly Row[];
}

/** What one forwarder came to under one plan. */
export interface Row {
  readonly label: string;
  /** Shared libraries for encryption that its processes had loaded; who names no libsrtp has it linked in. */
  readonly cryptography: readonly string[];
  readonly samples: readonly Sample[];
  /** Of the samples that count; null where none does. */
  readonly summary: Summary | null;
  /** Why samples were void, each reason once. */
  readonly voids: readonly string[];
}

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

export interface Summary {
  readonly rounds: number;
  /** µs per delivered packet. */
  readonly cpu: Spread;
  readonly user: Spread;
  readonly system: Spread;
  /** To the row of that label within the same round. */
  readonly ratios: Readonly<Record<string, Spread>>;
  /** µs. */
  readonly p50: Spread;
  readonly p99: Spread;
  /** µs at the median by which it is slower than the row of that label in the same round. */
  readonly addedP50: Spread | null;
  readonly load: Spread;
  /** Bytes. */
  readonly memoryPerPeer: Spread | null;
}

/** Written by this program; the fields that a resumed run relies on are looked at. */
const earlierSchema = z.custom<MediaResult>(
  (value) =>
    z
      .object({
        format: z.literal('watershed-media-benchmark'),
        version: z.literal(1),
        startedAt: z.string(),
        machine: z.record(z.string(), z.string()),
        settings: z.object({}),
        forwarders: z.array(z.object({ label: z.string(), about: z.string() })),
        plans: z.array(z.object({ title: z.string(), rows: z.array(z.object({ label: z.string() })) })),
      })
      .safeParse(value).success,
);

/**
 * What `PATH.json` holds of a run that `now` goes on with; nothing where there is no such file.
 * @throws Error when it was made on another machine, or with other settings or forwarders
 */
export function earlierResult(path: string, now: MediaResult): MediaResult | undefined {
  const file = `${path}.json`;
  if (!existsSync(file)) return undefined;
  const earlier = earlierSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  for (const part of ['machine', 'settings', 'forwarders'] as const) {
    if (!isDeepStrictEqual(earlier[part], now[part])) {
      throw new Error(`${file} cannot be resumed: its ${part} are others`);
    }
  }
  return earlier;
}

/** The rows that others are put in relation to, where they are there. */
const BASES = ['reference', 'stock'] as const;

export function spread(values: readonly number[]): Spread | null {
  const sorted = [...values].sort((a, b) => a - b);
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (min === undefined || max === undefined) return null;
  const middle = (sorted.length - 1) / 2;
  const median = ((sorted[Math.floor(middle)] ?? min) + (sorted[Math.ceil(middle)] ?? max)) / 2;
  return { median, min, max };
}

/** Puts the samples of one plan, by label, into rows. The first round warms up and does not count. */
export function summarise({ samples, cryptography }: Played, dropFirst: boolean): Row[] {
  const counted = new Map(
    [...samples].map(([label, all]) => [
      label,
      all.filter((sample) => sample.void === null && !(dropFirst && sample.round === 0)),
    ]),
  );
  return [...samples].map(([label, all]) => ({
    label,
    cryptography: cryptography.get(label) ?? [],
    samples: all,
    summary: summaryOf(counted.get(label) ?? [], counted),
    voids: [...new Set(all.flatMap((sample) => (sample.void === null ? [] : [sample.void])))],
  }));
}

function summaryOf(samples: readonly Sample[], all: ReadonlyMap<string, readonly Sample[]>): Summary | null {
  const of = (read: (sample: Sample) => number): Spread | null => spread(samples.map(read));
  const [cpu, user, system] = [of((s) => s.cpu), of((s) => s.user), of((s) => s.system)];
  const [p50, p99, load] = [of((s) => s.latency.p50), of((s) => s.latency.p99), of((s) => s.load)];
  if (!cpu || !user || !system || !p50 || !p99 || !load) return null;
  const against = (base: string, join: (sample: Sample, other: Sample) => number): Spread | null =>
    spread(
      samples.flatMap((sample) => {
        const other = all.get(base)?.find(({ round }) => round === sample.round);
        return other === undefined ? [] : [join(sample, other)];
      }),
    );
  const ratios = BASES.flatMap((base) => {
    const ratio = against(base, (sample, other) => sample.cpu / other.cpu);
    return ratio === null ? [] : [[base, ratio] as const];
  });
  return {
    rounds: samples.length,
    cpu,
    user,
    system,
    ratios: Object.fromEntries(ratios),
    p50,
    p99,
    addedP50: against('reference', (sample, other) => sample.latency.p50 - other.latency.p50),
    load,
    memoryPerPeer: spread(
      samples.flatMap(({ memoryPerPeer }) => (memoryPerPeer === null ? [] : [memoryPerPeer])),
    ),
  };
}
