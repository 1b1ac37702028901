import { z } from 'zod';
import { sourceSchema } from '../../src/protocol/state.ts';

/**
 * What a run came to, as its JSON file has it. `loadtest/report/result.schema.json` is made from this (a test
 * compares them), so that other programs need not read TypeScript.
 */

const at = z.number().describe('seconds since the run began');
const milliseconds = z.number().nullable();

const distributionSchema = z
  .object({
    count: z.number(),
    mean: milliseconds,
    p50: milliseconds,
    p90: milliseconds,
    p95: milliseconds,
    p99: milliseconds,
    max: milliseconds,
    buckets: z
      .array(z.tuple([z.number(), z.number()]))
      .describe(
        'pairs of bucket and count; bucket b below 32 is b µs, others begin at 2^(floor(b/32)+4) * (1 + (b mod 32)/32) µs',
      ),
  })
  .describe('a distribution of milliseconds, exact to 1/32');
export type Distribution = z.infer<typeof distributionSchema>;

const probeKindSchema = z.object({
  kind: z.string().describe('stable name of the kind of attempt'),
  what: z.string().describe('what is attempted, for people'),
  attempts: z.number(),
  admitted: z.number().describe('attempts that got what is forbidden: must be 0'),
  refused: z.number(),
  unanswered: z.number().describe('nobody was there to refuse: neither admitted nor refused'),
  codes: z.record(z.string(), z.number()).describe('how often each answer came'),
});
export type ProbeKind = z.infer<typeof probeKindSchema>;

const pairSchema = z.object({
  from: z.string().describe('home region of who sends'),
  to: z.string().describe('home region of who receives'),
  packets: z.number(),
  missing: z.number(),
  loss: z.number(),
  freezes: z.number(),
  cameras: z.number().default(0).describe('cameras that came, counted in each measured interval'),
  layer: z
    .number()
    .nullable()
    .default(null)
    .describe('mean layer of those cameras, 0 being the smallest picture; null: there were none'),
  latency: distributionSchema,
  jitter: distributionSchema,
});
export type PairResult = z.infer<typeof pairSchema>;

const receivedSchema = z
  .object({
    to: z.string().describe('home region of who receives'),
    source: sourceSchema,
    receivers: z.number().describe('those for whom it was meant for ten measured seconds or more'),
    least: z.number().describe('what the one who gets least gets of each such stream'),
    mean: z.number().describe('the mean over receivers'),
  })
  .describe('bit/s of payload for each stream that is meant for somebody, over the time that it was');
export type ReceivedResult = z.infer<typeof receivedSchema>;

const pointSchema = z.object({
  at,
  seconds: z.number().describe('length of the interval that ends here'),
  phase: z.string(),
  measured: z.boolean(),
  participants: z.number(),
  packetsPerSecond: z.number().describe('RTP packets received by participants'),
  bitsPerSecond: z.number().describe('RTP payload received by participants'),
  missing: z.number().describe('packets that never came'),
  loss: z.number().describe('share of packets that never came'),
  latencyP50: milliseconds,
  latencyP99: milliseconds,
  freezes: z.number(),
  lateness: z.number().describe('ms by which the generator itself was late, 99th percentile'),
  layers: z.record(z.string(), z.number()).describe('bit/s received, by layer'),
  cameraLayers: z
    .record(z.string(), z.number())
    .default({})
    .describe('mean layer of the cameras received, by the home region of who receives'),
  seats: z.record(z.string(), z.number()).describe('participants by datacenter'),
  processes: z
    .record(z.string(), z.object({ cpu: z.number(), memory: z.number() }))
    .describe('share of one core and resident bytes, by process'),
  joins: z.number().default(0).describe('joins that succeeded'),
  begun: z.number().default(0).describe('streams of others that became playable to somebody'),
  piped: z.number().default(0).describe('RTP packets a second from one datacenter to another'),
  machine: z
    .number()
    .nullable()
    .default(null)
    .describe('cores of this machine that were busy, other programs included; null: not known'),
});
export type Point = z.infer<typeof pointSchema>;

const processSchema = z.object({
  name: z.string(),
  kind: z.enum(['node', 'worker', 'redis', 'generator']),
  pid: z.number(),
  cpuMean: z.number().describe('share of one core, while measured'),
  cpuMax: z.number(),
  memoryMean: z.number().describe('resident bytes'),
  memoryMax: z.number(),
  diedAt: z.number().nullable(),
});
export type ProcessResult = z.infer<typeof processSchema>;

const eventSchema = z.object({
  at,
  kind: z.enum(['phase', 'fault', 'death', 'recovery', 'isolation', 'note']),
  text: z.string(),
  until: z.number().nullable().describe('end of what lasts, in seconds since the run began'),
});
export type RunEvent = z.infer<typeof eventSchema>;

const faultSchema = z.object({
  at,
  what: z.string(),
  affected: z.number().describe('participants whose media stopped'),
  longestMs: milliseconds.describe('longest time without media; null when nobody was affected'),
  timesMs: z
    .array(z.number())
    .default([])
    .describe('for each participant who was affected and had media again, ms without it, ascending'),
  recovered: z.boolean().describe('everybody who was affected had media again'),
});
export type FaultResult = z.infer<typeof faultSchema>;

export const resultSchema = z.object({
  format: z.literal('watershed-loadtest'),
  version: z.literal(1),
  outcome: z
    .enum(['passed', 'failed', 'interrupted', 'broken'])
    .describe(
      'failed: a threshold was missed or a forbidden attempt admitted; broken: the run could not go on',
    ),
  reasons: z.array(z.string()).describe('why it did not pass'),
  startedAt: z.string().describe('ISO 8601'),
  seconds: z.number(),
  isolation: z.object({
    attempts: z.number(),
    admitted: z.number(),
    refused: z.number(),
    unanswered: z.number(),
    controls: z.object({
      attempts: z.number().describe('allowed attempts beside the forbidden ones: the doors do open'),
      admitted: z.number(),
    }),
    kinds: z.array(probeKindSchema),
    admissions: z.array(z.object({ at, kind: z.string(), what: z.string(), answer: z.string() })),
  }),
  scenario: z.object({
    name: z.string(),
    about: z.string(),
    file: z.string(),
    seed: z.number(),
    policy: z.string(),
    participants: z.number(),
    rooms: z.number(),
    phases: z.array(z.object({ name: z.string(), from: z.number(), to: z.number(), measured: z.boolean() })),
  }),
  target: z.object({
    kind: z.enum(['cluster', 'url']),
    nodes: z.array(z.object({ id: z.string(), datacenter: z.string(), region: z.string(), url: z.string() })),
  }),
  machine: z.object({
    cpu: z.string(),
    cores: z.number(),
    memory: z.number().describe('bytes'),
    kernel: z.string(),
    system: z.string(),
    load: z.number().describe('load average of the minute before the run'),
  }),
  versions: z.record(z.string(), z.string()),
  thresholds: z.array(
    z.object({
      name: z.string(),
      what: z.string(),
      limit: z.number(),
      least: z.boolean().describe('the value must be at least the limit, rather than at most'),
      value: z.number().nullable(),
      unit: z.string(),
      holds: z.boolean(),
    }),
  ),
  totals: z.object({
    joins: z.number(),
    joined: z.number(),
    failed: z.number(),
    lost: z.number().describe('sessions that ended without being asked to'),
    most: z.number().describe('most participants at once'),
    packets: z.number().describe('while measured, as all below'),
    missing: z.number(),
    loss: z.number(),
    bytes: z.number(),
    packetsPerSecond: z.number(),
    freezes: z.number(),
    freezesPerMinute: z.number().describe('per participant'),
    measuredSeconds: z.number(),
    cpuPerMillion: z
      .number()
      .nullable()
      .describe('CPU seconds of all nodes and workers per million packets delivered'),
  }),
  distributions: z.object({
    join: distributionSchema,
    firstPacket: distributionSchema,
    latency: distributionSchema,
    jitter: distributionSchema,
  }),
  pairs: z.array(pairSchema),
  received: z.array(receivedSchema).default([]),
  failures: z.array(z.object({ code: z.string(), message: z.string(), count: z.number() })),
  series: z.array(pointSchema),
  processes: z.array(processSchema),
  faults: z.array(faultSchema),
  saturation: z
    .object({
      at,
      participants: z.number(),
      packetsPerSecond: z.number(),
      why: z.string().describe('what gave way: loss or latency'),
      limitedBy: z.string().default('').describe('what was full then'),
      held: z
        .object({ participants: z.number(), packetsPerSecond: z.number() })
        .default({ participants: 0, packetsPerSecond: 0 })
        .describe('the most that was held before'),
    })
    .nullable()
    .describe('where quality first gave way for two intervals; null: it did not'),
  events: z.array(eventSchema),
  notes: z.array(z.string()).describe('what a reader should know before trusting the figures'),
});
export type RunResult = z.infer<typeof resultSchema>;
