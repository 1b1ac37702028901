import { z } from 'zod';
import { mediaKindSchema, rtpParametersSchema } from './rtp.ts';
import { roleSchema } from './token.ts';

/** What a producer shows or plays. `microphone` and `screenAudio` are audio, `camera` and `screen` video. */
export const sourceSchema = z.enum(['microphone', 'camera', 'screen', 'screenAudio']);
export type Source = z.infer<typeof sourceSchema>;

/** The media kind that a source must have. */
export function kindOfSource(source: Source): 'audio' | 'video' {
  return source === 'camera' || source === 'screen' ? 'video' : 'audio';
}

export const producerInfoSchema = z.object({
  producerId: z.string(),
  kind: mediaKindSchema,
  source: sourceSchema,
  paused: z.boolean(),
});
export type ProducerInfo = z.infer<typeof producerInfoSchema>;

export const peerInfoSchema = z.object({
  peerId: z.string(),
  displayName: z.string(),
  role: roleSchema,
  /** Where the peer is seated. */
  datacenter: z.string(),
  region: z.string(),
  producers: z.array(producerInfoSchema),
});
export type PeerInfo = z.infer<typeof peerInfoSchema>;

export const roomInfoSchema = z.object({
  roomId: z.string(),
  locked: z.boolean(),
  /** Seconds since 1970; null where the room has no maximum duration. */
  endsAt: z.number().int().nullable(),
  /** How many peers' videos a subscriber gets at most; null for all. */
  lastN: z.number().int().nullable(),
});
export type RoomInfo = z.infer<typeof roomInfoSchema>;

/** The whole state of a session, as a joining or resuming client needs it. */
export const joinedSchema = z.object({
  peerId: z.string(),
  displayName: z.string(),
  role: roleSchema,
  room: roomInfoSchema,
  /** Everyone else in the room. */
  peers: z.array(peerInfoSchema),
  /** For hosts: who waits to be admitted. */
  waiting: z.array(z.object({ peerId: z.string(), displayName: z.string() })),
  /** Single use; valid at this node only, for `resumeWindow` seconds after the socket was lost. */
  resumeToken: z.string(),
  resumeWindow: z.number().int(),
});
export type Joined = z.infer<typeof joinedSchema>;

export const consumerInfoSchema = z.object({
  consumerId: z.string(),
  producerId: z.string(),
  peerId: z.string(),
  kind: mediaKindSchema,
  source: sourceSchema,
  type: z.enum(['simple', 'simulcast', 'svc']),
  rtpParameters: rtpParametersSchema,
  /** The publisher has paused. */
  producerPaused: z.boolean(),
});
export type ConsumerInfo = z.infer<typeof consumerInfoSchema>;
