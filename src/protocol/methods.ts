import { z } from 'zod';
import {
  dtlsParametersSchema,
  iceParametersSchema,
  MAX_LAYERS,
  mediaKindSchema,
  rtpCapabilitiesSchema,
  rtpParametersSchema,
  transportInfoSchema,
} from './rtp.ts';
import { joinedSchema, sourceSchema } from './state.ts';
import { displayNameSchema } from './token.ts';

/** Largest chat text, in UTF-16 code units. */
export const CHAT_MAX_LENGTH = 2000;

const id = z.string().min(1).max(64);
const layer = z
  .number()
  .int()
  .min(0)
  .max(MAX_LAYERS - 1);
const idList = z.array(id).min(1).max(512);
const joinTokenSchema = z.string().min(1).max(8192);
const empty = z.strictObject({});
const done = z.object({});

/** One method: the schema of its request's `data` and of its response's `data`. */
interface MethodSchemas {
  readonly request: z.ZodType;
  readonly response: z.ZodType;
}

/**
 * Every method of watershed.v1. Requests are strict (an unknown field is refused, so that a typing error is
 * never silently ignored); responses ignore what they do not know.
 */
export const METHODS = {
  /** First request of a new session. `waiting`: the host has to admit; `admitted` or `refused` follows. */
  join: {
    request: z.strictObject({
      displayName: displayNameSchema.optional(),
      rtpCapabilities: rtpCapabilitiesSchema,
    }),
    response: z.discriminatedUnion('state', [
      joinedSchema.extend({ state: z.literal('joined') }),
      z.object({ state: z.literal('waiting'), peerId: z.string() }),
    ]),
  },
  /** First request on a connection that was opened with a resume token. */
  resume: {
    request: z.strictObject({
      lastSeq: z.number().int().min(0),
      /** A fresh join token, as `refreshToken` takes it; required once the session's own has run out. */
      token: joinTokenSchema.optional(),
    }),
    response: z.discriminatedUnion('mode', [
      /** Missed notifications follow this response, in order. */
      z.object({ mode: z.literal('replayed'), resumeToken: z.string(), missed: z.number().int() }),
      /** Too much was missed: here is the state afresh; `consumers` follow as `consumersCreated`. */
      z.object({ mode: z.literal('fresh'), resumeToken: z.string(), joined: joinedSchema }),
    ]),
  },
  leave: { request: empty, response: done },
  /** Keeps the connection alive and measures the round trip. */
  ping: { request: empty, response: done },
  refreshToken: {
    request: z.strictObject({ token: joinTokenSchema }),
    response: z.object({ expiresAt: z.number().int() }),
  },

  createTransport: {
    request: z.strictObject({ direction: z.enum(['send', 'receive']) }),
    response: transportInfoSchema,
  },
  connectTransport: {
    request: z.strictObject({ transportId: id, dtlsParameters: dtlsParametersSchema }),
    response: done,
  },
  restartIce: {
    request: z.strictObject({ transportId: id }),
    response: z.object({ iceParameters: iceParametersSchema }),
  },

  produce: {
    request: z.strictObject({
      transportId: id,
      kind: mediaKindSchema,
      source: sourceSchema,
      rtpParameters: rtpParametersSchema,
      paused: z.boolean().optional(),
    }),
    response: z.object({ producerId: z.string() }),
  },
  pauseProducer: { request: z.strictObject({ producerId: id }), response: done },
  resumeProducer: { request: z.strictObject({ producerId: id }), response: done },
  closeProducer: { request: z.strictObject({ producerId: id }), response: done },

  /** Consumers are created paused; the client resumes them once it can play. */
  resumeConsumers: { request: z.strictObject({ consumerIds: idList }), response: done },
  pauseConsumers: { request: z.strictObject({ consumerIds: idList }), response: done },
  setConsumerLayers: {
    request: z.strictObject({
      consumerId: id,
      spatialLayer: layer,
      temporalLayer: layer.optional(),
    }),
    response: done,
  },
  /** 1 (first to lose bandwidth) to 255. */
  setConsumerPriority: {
    request: z.strictObject({ consumerId: id, priority: z.number().int().min(1).max(255) }),
    response: done,
  },
  requestKeyFrame: { request: z.strictObject({ consumerId: id }), response: done },

  sendChat: {
    request: z.strictObject({ text: z.string().min(1).max(CHAT_MAX_LENGTH) }),
    response: z.object({ messageId: z.string(), at: z.number().int() }),
  },
  /** Statistics of the asking peer's own transports, producers and consumers (mediasoup's figures). */
  getStats: {
    request: empty,
    response: z.object({ stats: z.array(z.record(z.string(), z.unknown())) }),
  },

  /** Host only. Mutes one source of a peer, or its microphone; the peer may unmute itself. */
  mutePeer: { request: z.strictObject({ peerId: id, source: sourceSchema.optional() }), response: done },
  removePeer: { request: z.strictObject({ peerId: id }), response: done },
  lockRoom: { request: z.strictObject({ locked: z.boolean() }), response: done },
  endRoom: { request: empty, response: done },
  admitPeer: { request: z.strictObject({ peerId: id }), response: done },
  denyPeer: { request: z.strictObject({ peerId: id }), response: done },
} as const satisfies Record<string, MethodSchemas>;

export type MethodName = keyof typeof METHODS;
/** What a client sends as `data` of a method. */
export type RequestOf<M extends MethodName> = z.infer<(typeof METHODS)[M]['request']>;
/** What it gets back. */
export type ResponseOf<M extends MethodName> = z.infer<(typeof METHODS)[M]['response']>;

export function isMethodName(name: string): name is MethodName {
  return Object.hasOwn(METHODS, name);
}
