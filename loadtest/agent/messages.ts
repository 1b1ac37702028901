import { z } from 'zod';
import { sourceSchema } from '../../src/protocol/state.ts';

/** What a coordinator and its agents (the processes that hold the participants) say to each other. */

const bucketsSchema = z.array(z.tuple([z.number(), z.number()]));

const publishingSchema = z.union([
  sourceSchema,
  z.object({
    source: sourceSchema,
    codec: z.enum(['vp8', 'vp9', 'h264', 'av1']).optional(),
    bitrate: z.number().optional(),
    simulcast: z.boolean().optional(),
    frameRate: z.number().optional(),
    height: z.number().optional(),
    bytes: z.number().optional(),
  }),
]);
const subscribingSchema = z.union([
  z.enum(['all', 'none']),
  z.object({ layer: z.number().optional(), videos: z.number().optional() }),
]);

/** One participant, as an agent is to play it. `n` is its number in the run. */
const memberSchema = z.object({
  n: z.number(),
  region: z.string(),
  token: z.string(),
  frontDoors: z.array(z.string()),
  publish: z.array(publishingSchema),
  subscribe: subscribingSchema,
  talks: z.number(),
  seed: z.number(),
  /** Its own address, for signaling and media alike; any where none is given. */
  address: z.string().optional(),
  /** Ahead of a directory question, where the run has no directory to ask. */
  direct: z.string().optional(),
});
export type MemberSpec = z.infer<typeof memberSchema>;

export const orderSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('join'), member: memberSchema }),
  z.object({ type: z.literal('leave'), n: z.number() }),
  z.object({ type: z.literal('read') }),
  z.object({
    type: z.literal('impair'),
    impairment: z
      .object({
        loss: z.number(),
        delay: z.number(),
        jitter: z.number(),
        reorder: z.number(),
        duplicate: z.number(),
        down: z.number().optional(),
        up: z.number().optional(),
      })
      .nullable(),
    /** Home region of those whose lines are meant; null: everybody's. */
    region: z.string().nullable(),
  }),
  z.object({ type: z.literal('end') }),
]);
export type Order = z.infer<typeof orderSchema>;

/** Since the reading before, of one pair of regions. */
const pairSchema = z.object({
  /** Home regions of who sends and who receives. */
  from: z.string(),
  to: z.string(),
  streams: z.number(),
  packets: z.number(),
  bytes: z.number(),
  missing: z.number(),
  freezes: z.number(),
  /** Cameras that came, and the sum of the layers that they came in. */
  cameras: z.number(),
  cameraLayers: z.number(),
  latency: bucketsSchema,
  jitter: bucketsSchema,
});
export type PairReading = z.infer<typeof pairSchema>;

/** Since the reading before: streams of one source that are meant for a participant now, and payload bytes of them. */
const meantSchema = z.object({
  n: z.number(),
  to: z.string(),
  source: sourceSchema,
  streams: z.number(),
  bytes: z.number(),
});
export type MeantReading = z.infer<typeof meantSchema>;

const readingSchema = z.object({
  type: z.literal('reading'),
  joined: z.number(),
  pairs: z.array(pairSchema),
  meant: z.array(meantSchema),
  /** Payload bytes received since the reading before, by layer: `audio`, `screen`, `camera 0` to `camera 2`. */
  layers: z.record(z.string(), z.number()),
  /** Packets of each source that came from another datacenter than the receiver's, by source and datacenter. */
  piped: z.record(z.string(), z.number()),
  sent: z.object({ packets: z.number(), bytes: z.number() }),
  /** µs, 99th percentile: is the generator itself late? */
  lateness: z.number(),
  /** Streams that became playable since the reading before. */
  begun: z.number(),
  /** Seats by datacenter. */
  seats: z.record(z.string(), z.number()),
});
export type AgentReading = z.infer<typeof readingSchema>;

export const newsSchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('ready'), engine: z.string(), generatorPid: z.number().nullable() }),
  z.object({
    type: z.literal('joined'),
    n: z.number(),
    /** From `connect` to `joined`. */
    ms: z.number(),
    datacenter: z.string(),
  }),
  z.object({ type: z.literal('failed'), n: z.number(), code: z.string(), message: z.string() }),
  /** From `connect` to the first decrypted packet of somebody who was there before. */
  z.object({ type: z.literal('firstPacket'), n: z.number(), ms: z.number() }),
  /** The session sits elsewhere now, or (null) nowhere. */
  z.object({ type: z.literal('seat'), n: z.number(), datacenter: z.string().nullable() }),
  /** Media of everybody else stopped at `at` (ms since 1970) and came back after `ms`; null: it has not yet. */
  z.object({ type: z.literal('interrupted'), n: z.number(), at: z.number(), ms: z.number().nullable() }),
  /** The session ended without being asked to. */
  z.object({ type: z.literal('lost'), n: z.number(), code: z.string(), message: z.string() }),
  z.object({ type: z.literal('left'), n: z.number() }),
  readingSchema,
]);
export type News = z.infer<typeof newsSchema>;
