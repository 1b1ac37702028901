import { z } from 'zod';
import { sourceSchema as source } from '../../src/protocol/state.ts';
import { nameSchema, roomIdSchema } from '../../src/protocol/token.ts';

/** Most participants of one run: beyond it the generator, not the cluster, is what is measured on any machine. */
const MOST = 5000;

const share = z.number().min(0).max(1);
const seconds = z.number().positive().max(86_400);

/** One source to publish, by name alone or with how. */
const publishingSchema = z.union([
  source,
  z.strictObject({
    source,
    /**
     * Of a video; vp8 by default. The others are played from recordings (loadtest/recordings) in the size that they
     * have: VP9 in three spatial and three temporal layers, H.264 and AV1 in one.
     */
    codec: z.enum(['vp8', 'vp9', 'h264', 'av1']).optional(),
    /** bit/s really sent at the highest layer; lower layers take about a third each. */
    bitrate: z.int().min(8_000).max(20_000_000).optional(),
    /** Several resolutions at once (camera): three from a `height` of 480 on, two from 240 on. */
    simulcast: z.boolean().optional(),
    frameRate: z.number().min(1).max(60).optional(),
    /** Pixels of the highest layer. */
    height: z.int().min(90).max(2160).optional(),
    /** Payload bytes of an audio packet. */
    bytes: z.int().min(32).max(1000).optional(),
  }),
]);

/** What a member takes of the others: everything, nothing, or so many videos at most, at a layer at most. */
const subscribingSchema = z.union([
  z.enum(['all', 'none']),
  z.strictObject({
    /** 0 is the smallest picture. */
    layer: z.int().min(0).max(2).optional(),
    /** Videos watched at once; the others are paused. */
    videos: z.int().min(0).max(500).optional(),
  }),
]);

const regionsSchema = z.union([
  nameSchema,
  z.record(nameSchema, z.number().positive()).refine((mix) => Object.keys(mix).length > 0, 'name a region'),
]);

const membersSchema = z.strictObject({
  count: z.int().min(1).max(MOST),
  /** Home region, or regions with weights: `{ us: 2, eu: 1 }`. */
  region: regionsSchema,
  publish: z.array(publishingSchema).max(4).default([]),
  subscribe: subscribingSchema.default('all'),
  /** Share of the time that a microphone is not silent. */
  talks: share.default(1),
});

const roomSchema = z.strictObject({
  name: roomIdSchema.max(100),
  /** So many rooms alike. */
  count: z.int().min(1).max(MOST).default(1),
  members: z.array(membersSchema).min(1).max(50),
});

/** Seconds since the phase began. */
const at = z.number().min(0).max(86_400);
const place = nameSchema;
const kilobits = z.number().min(16).max(10_000_000);

/** What goes wrong on purpose. */
const faultSchema = z.discriminatedUnion(
  'do',
  [
    z.strictObject({ do: z.literal('kill-worker'), at, in: place }),
    z.strictObject({ do: z.literal('kill-node'), at, in: place }),
    /** Every node of the datacenter, at once. */
    z.strictObject({ do: z.literal('kill-datacenter'), at, in: place }),
    /** Redis answers nobody for so long. */
    z.strictObject({ do: z.literal('stop-redis'), at, for: seconds }),
    /**
     * Media of every participant passes a relay that loses, delays, reorders and repeats, by the seed, and is no
     * wider than it says.
     */
    z.strictObject({
      do: z.literal('impair'),
      at,
      for: seconds,
      /** Of participants of this home region alone. */
      region: nameSchema.optional(),
      /** kbit/s of each participant's own line, IP headers included: what it receives, and what it sends. */
      down: kilobits.optional(),
      up: kilobits.optional(),
      loss: share.default(0),
      /** Milliseconds, one way. */
      delay: z.number().min(0).max(5000).default(0),
      /** Milliseconds added at random, at most. */
      jitter: z.number().min(0).max(5000).default(0),
      reorder: share.default(0),
      duplicate: share.default(0),
    }),
  ],
  {
    error:
      '"do" must be kill-worker, kill-node, kill-datacenter, stop-redis or impair, with what it needs beside it',
  },
);

const phaseSchema = z.strictObject({
  name: z.string().min(1).max(40),
  seconds,
  /** Share of each group that is in by the end of the phase, reached evenly; as before where it is left out. */
  present: share.optional(),
  /** So many members leave each second, and so many join anew. */
  churn: z.number().min(0).max(500).default(0),
  /** Whether thresholds on media count here. By default where nobody has to join or leave. */
  measure: z.boolean().optional(),
  /** Rooms are filled or emptied one after the other, rather than all at the same pace. */
  roomByRoom: z.boolean().default(false),
  /** Ends the phase early, once the cluster is saturated. */
  until: z.literal('saturated').optional(),
  faults: z.array(faultSchema).max(50).default([]),
});

/**
 * Of each source: bit/s of payload that whoever gets least of it gets, on average over the time that they were there,
 * of each such stream that is meant for them: at least. Who was there for less than ten measured seconds does not count.
 */
const leastSchema = z.partialRecord(source, z.number().positive());

/** The same of what people of one home region receive. */
const receivedThresholdsSchema = z.strictObject({
  least: leastSchema.optional(),
  loss: share.optional(),
  latencyP99: z.number().positive().optional(),
  /** Mean layer of the cameras that come, 0 being the smallest picture: at least, and at most. */
  layerLeast: z.number().min(0).max(2).optional(),
  layerMost: z.number().min(0).max(2).optional(),
});

/** What must hold, or the run fails. Milliseconds; shares from 0 to 1. Each is a most, unless it says otherwise. */
const thresholdsSchema = z.strictObject({
  /** At least this share of all joins succeeds. */
  joined: share.optional(),
  joinP95: z.number().positive().optional(),
  /** From the join's begin to the first decrypted packet of somebody else. */
  firstPacketP50: z.number().positive().optional(),
  firstPacketP95: z.number().positive().optional(),
  loss: share.optional(),
  latencyP50: z.number().positive().optional(),
  latencyP99: z.number().positive().optional(),
  jitterP95: z.number().positive().optional(),
  /** Pauses of a video of more than half a second, per participant and minute. */
  freezesPerMinute: z.number().min(0).optional(),
  /** Longest time that a fault took anybody's media away, in ms. */
  recovery: z.number().positive().optional(),
  /** The same for each whom a fault took it from, all faults together. */
  recoveryP95: z.number().positive().optional(),
  /** At least so many delivered packets a second, on average. */
  packetsPerSecond: z.number().positive().optional(),
  /** At least so many participants are held without saturation. */
  held: z.number().positive().optional(),
  least: leastSchema.optional(),
  /** By the home region of those who receive. */
  to: z.record(nameSchema, receivedThresholdsSchema).optional(),
});

/** Two measured intervals in a row beyond either, and the cluster is saturated. */
const saturationSchema = z.strictObject({
  /** Share of packets that never come. */
  loss: share.default(0.001),
  /** Milliseconds, one way. */
  latencyP99: z.number().positive().default(250),
});

export const scenarioSchema = z.strictObject({
  name: z
    .string()
    .min(1)
    .max(60)
    .regex(/^[a-z0-9][a-z0-9-]*$/, 'lower-case letters, digits and hyphens'),
  about: z.string().max(400).default(''),
  /** Everything that is drawn by lot follows from it: who mutes when, which packet the relay drops. */
  seed: z.int().min(0).max(0xffffffff).default(1),
  /** The policy of the cluster that the run starts, relative to this file. */
  policy: z.string().min(1),
  /**
   * Node settings of the cluster that the run starts, by their path in config/node.yaml:
   * `{ rooms.peersPerRoom: 200 }`.
   */
  settings: z
    .record(
      z
        .string()
        .regex(/^[a-z][A-Za-z]*(\.[a-z][A-Za-z]*)+$/, 'a path of config/node.yaml, like rooms.peersPerRoom'),
      z.union([z.string(), z.number(), z.boolean()]),
    )
    .default({}),
  /** Seconds from one point of the plots to the next. */
  interval: z.number().min(0.2).max(60).default(1),
  rooms: z.array(roomSchema).min(1).max(50),
  phases: z.array(phaseSchema).min(1).max(50),
  /** Isolation probes: a round of them every so many seconds, the first once the run begins. */
  probes: z.strictObject({ every: z.number().min(1).max(3600).default(15) }).default({ every: 15 }),
  /** From where on quality counts as lost; the report names the point. */
  saturation: saturationSchema.default({ loss: 0.001, latencyP99: 250 }),
  thresholds: thresholdsSchema.default({}),
});

export type ScenarioDocument = z.infer<typeof scenarioSchema>;
export type Fault = z.infer<typeof faultSchema>;
export type Thresholds = z.infer<typeof thresholdsSchema>;
export type ReceivedThresholds = z.infer<typeof receivedThresholdsSchema>;
export type SaturationLimits = z.infer<typeof saturationSchema>;
export type Phase = z.infer<typeof phaseSchema>;
export type Publishing = z.infer<typeof publishingSchema>;
export type Subscribing = z.infer<typeof subscribingSchema>;
export const MOST_PARTICIPANTS = MOST;
