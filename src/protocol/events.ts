import { z } from 'zod';
import { directoryAnswerSchema } from './directory.ts';
import { rtpCapabilitiesSchema } from './rtp.ts';
import {
  consumerInfoSchema,
  joinedSchema,
  peerInfoSchema,
  producerInfoSchema,
  roomInfoSchema,
  sourceSchema,
} from './state.ts';

/** Why something is paused for a subscriber: by the publisher, by last-N, or by the subscriber itself. */
const pausedBySchema = z.enum(['publisher', 'host', 'lastN', 'subscriber']);

/** Why a peer is not in the room any more. `moved`: it is seated at another datacenter now. */
export const leaveReasonSchema = z.enum(['left', 'lost', 'removed', 'policy', 'moved']);
export type LeaveReason = z.infer<typeof leaveReasonSchema>;

/** Fields that a refusal and a redirect have in common: who decided what, by which rule. */
const decisionFields = {
  code: z.string(),
  message: z.string(),
  /** The policy rule that decided, e.g. `admits`, `confined`; empty where no policy rule did. */
  rule: z.string(),
  /** Digest of the policy; empty where the node has none. */
  policy: z.string(),
  retry: z.boolean(),
};

/** Body of an HTTP refusal before 101, and data of `refused`. */
export const refusalSchema = z.object({ ...decisionFields, status: z.number().int() });
export type Refusal = z.infer<typeof refusalSchema>;

/** Body of an HTTP redirect (403 with a list), and data of `redirect`. */
export const redirectSchema = z.object({
  ...decisionFields,
  status: z.number().int(),
  list: directoryAnswerSchema,
});
export type Redirect = z.infer<typeof redirectSchema>;

/**
 * Every notification of watershed.v1, server to client, in the order of `seq`. Unknown fields and unknown
 * events are ignored by clients: that is how the protocol grows.
 */
export const EVENTS = {
  /** The first message on an admitted connection. */
  welcome: z.object({
    protocol: z.literal('watershed.v1'),
    node: z.object({ id: z.string(), datacenter: z.string(), region: z.string() }),
    policy: z.string(),
    routerRtpCapabilities: rtpCapabilitiesSchema,
    limits: z.object({
      /** Bytes of one frame, both ways. */
      maxMessageBytes: z.number().int(),
      /** Requests per second, sustained. */
      messagesPerSecond: z.number(),
      producersPerPeer: z.number().int(),
      consumersPerPeer: z.number().int(),
      /** Seconds in which the first request is due. */
      firstMessageSeconds: z.number(),
    }),
  }),
  refused: refusalSchema,
  redirect: redirectSchema,
  /**
   * The peer cannot stay here: somebody came who may only meet elsewhere, or the node goes. It has `seconds` to be
   * seated at one of the list, and leaves this seat once it is; then it is removed (`redirect`).
   */
  move: z.object({ redirect: redirectSchema, seconds: z.number() }),
  /** A waiting peer was admitted. */
  admitted: joinedSchema,
  /** The last word before the server closes an admitted connection. */
  bye: z.object({ code: z.string(), message: z.string(), retry: z.boolean() }),

  peerJoined: z.object({ peer: peerInfoSchema }),
  peerLeft: z.object({ peerId: z.string(), reason: leaveReasonSchema }),
  roomUpdated: z.object({ room: roomInfoSchema }),
  /** To hosts. */
  peerWaiting: z.object({ peerId: z.string(), displayName: z.string() }),
  peerWaitingGone: z.object({ peerId: z.string() }),

  producerAdded: z.object({ peerId: z.string(), producer: producerInfoSchema }),
  producerUpdated: z.object({ peerId: z.string(), producer: producerInfoSchema }),
  producerRemoved: z.object({ peerId: z.string(), producerId: z.string() }),
  /** To the publisher: the node closed this producer, and says why. */
  producerClosed: z.object({
    producerId: z.string(),
    code: z.string(),
    message: z.string(),
    retry: z.boolean(),
  }),
  /** To the publisher: a host muted this source. */
  muted: z.object({ producerId: z.string(), source: sourceSchema, by: z.string() }),
  /** To the publisher: the highest simulcast layer that anyone watches; null when nobody watches at all. */
  wantedLayers: z.object({ producerId: z.string(), spatialLayer: z.number().int().nullable() }),

  consumersCreated: z.object({ consumers: z.array(consumerInfoSchema) }),
  consumerClosed: z.object({ consumerId: z.string() }),
  consumerPaused: z.object({ consumerId: z.string(), by: pausedBySchema }),
  consumerResumed: z.object({ consumerId: z.string() }),
  /** The layers that are being sent; null when none is. */
  consumerLayers: z.object({
    consumerId: z.string(),
    spatialLayer: z.number().int().nullable(),
    temporalLayer: z.number().int().nullable(),
  }),

  /** Volumes in dBov (-127 to 0), loudest first; `dominant` is null in silence. */
  speakers: z.object({
    dominant: z.string().nullable(),
    volumes: z.array(z.object({ peerId: z.string(), volume: z.number() })),
  }),
  /** The worker behind this peer's media is gone: make new transports, and produce again. */
  mediaReset: z.object({ reason: z.enum(['worker_died', 'moved']) }),
  /** The transport is gone for good (ICE or DTLS failed): make a new one. */
  transportClosed: z.object({ transportId: z.string() }),

  chat: z.object({
    messageId: z.string(),
    peerId: z.string(),
    displayName: z.string(),
    text: z.string(),
    at: z.number().int(),
  }),
  /** Refresh the join token (`refreshToken`) before this moment (seconds since 1970), or be asked to leave. */
  tokenExpiring: z.object({ expiresAt: z.number().int() }),
} as const satisfies Record<string, z.ZodType>;

export type EventName = keyof typeof EVENTS;
export type EventData<E extends EventName> = z.infer<(typeof EVENTS)[E]>;

export function isEventName(name: string): name is EventName {
  return Object.hasOwn(EVENTS, name);
}
