import { createHash } from 'node:crypto';
import { z } from 'zod';
import { MAX_REGIONS } from '../../policy/parse-regions.ts';
import { leaveReasonSchema } from '../../protocol/events.ts';
import { CHAT_MAX_LENGTH } from '../../protocol/methods.ts';
import { MAX_LAYERS } from '../../protocol/rtp.ts';
import { kindOfSource, producerInfoSchema, sourceSchema } from '../../protocol/state.ts';
import { roleSchema } from '../../protocol/token.ts';
import { idSchema as id, nameSchema as name } from '../wire-names.ts';
import { PORTION } from './portions.ts';

/**
 * What nodes of one room say to each other over node links. Everything that a peer originates stands beside the
 * label it is judged by; strictly parsed, since a node of another datacenter is not more trusted than its fence.
 */
const roomSchema = z.string().length(22);

const labelSchema = z.object({
  home: name,
  evidence: z.array(name).max(MAX_REGIONS),
  regions: z.array(name).max(MAX_REGIONS).nullable(),
});

/** A local producer as its node describes it to others; see RemoteProducer in media/. */
const remoteProducerSchema = producerInfoSchema
  .extend({
    producerId: id,
    peerId: id,
    pausedBy: z.enum(['publisher', 'host']).nullable(),
    topLayer: z
      .int()
      .min(0)
      .max(MAX_LAYERS - 1),
    type: z.enum(['simple', 'simulcast', 'svc']),
    router: id,
  })
  .refine(({ kind, source }) => kindOfSource(source) === kind, 'the source is of another kind');

/** The hash of a participant whom the issuer names, so that nodes can count their sessions; absent for one unnamed. */
const whoSchema = z.string().max(64).optional();

/** A seated member, as nodes that may know of it are told. */
export const memberSchema = z
  .object({
    peerId: id,
    who: whoSchema,
    displayName: z.string().max(80),
    role: roleSchema,
    label: labelSchema,
    producers: z.array(remoteProducerSchema).max(64),
  })
  .refine(
    ({ peerId, producers }) => producers.every((producer) => producer.peerId === peerId),
    "a member's producers are its own",
  );
export type MemberState = z.infer<typeof memberSchema>;

/**
 * Identities of people, hashed, beside the label they are judged by: whoever knows an issuer's names can guess what is
 * hashed, so it goes where what else is theirs may go, and nowhere else.
 */
const identitiesSchema = z
  .array(z.object({ label: labelSchema, hashes: z.array(z.string().max(64)).max(10_000) }))
  .max(1000);
export type IdentitiesState = z.infer<typeof identitiesSchema>;

const rulesSchema = z.object({
  /** The later of two decisions counts: it grows with each, and a tie goes to what is stricter. */
  version: z.int().nonnegative(),
  locked: z.boolean(),
  /** A host has ended the room. */
  ended: z.boolean(),
  /** Until the room's maximum duration; null where it has none. */
  remainingSeconds: z.number().nonnegative().nullable(),
});
export type RulesState = z.infer<typeof rulesSchema>;

/**
 * What a room's hosts decided, the same at every node of the room but for whom it may not know. People are told of in
 * as many messages as it takes: each adds to what was said before.
 */
const sharedSchema = rulesSchema.extend({
  /** Whom a host removed. */
  keptOut: identitiesSchema,
  /** Who need not wait for a host again. */
  letIn: identitiesSchema,
  /**
   * People whom the hearer knows by these labels, which have grown so that it may not know more: it is to tell nobody
   * of them.
   */
  outgrown: identitiesSchema.default([]),
});
export type SharedState = z.infer<typeof sharedSchema>;

const goneSchema = z.object({ peerId: id, reason: leaveReasonSchema });

/** Of everyone with a place at the node, known by name or not: each region once, see `presenceOf`. */
const placesSchema = z.object({
  homes: z.array(name).max(MAX_REGIONS),
  evidence: z.array(name).max(MAX_REGIONS),
  /** False when a host there withholds its consent to move the room. */
  moves: z.boolean(),
  /** What the narrowings seen there leave; null for all. */
  regions: z.array(name).max(MAX_REGIONS).nullable(),
});
export type PlacesState = z.infer<typeof placesSchema>;

/** Someone who waits for a host, as nodes whose hosts may know of them are told. */
const waitingSchema = z.object({
  peerId: id,
  who: whoSchema,
  displayName: z.string().max(80),
  label: labelSchema,
});
export type WaitingState = z.infer<typeof waitingSchema>;

/** `room.meet`, request and answer: the whole of what the hearer may know. */
export const meetSchema = z.object({
  room: roomSchema,
  /** `host:port` at which the speaker can be dialled. */
  link: z.string().max(256),
  places: placesSchema,
  members: z.array(memberSchema).max(PORTION),
  /** Members that do not fit into the message: each is told of in an update right behind it. */
  others: z.array(id).max(10_000).default([]),
  waiting: z.array(waitingSchema).max(PORTION),
  shared: sharedSchema,
});
export type Meet = z.infer<typeof meetSchema>;

export const meetAnswerSchema = z.discriminatedUnion('hosting', [
  z.object({ hosting: z.literal(false) }),
  meetSchema.extend({ hosting: z.literal(true) }),
]);

/** `room.update`, a notice: what has changed. */
export const updateSchema = z.object({
  room: roomSchema,
  places: placesSchema.optional(),
  members: z.array(memberSchema).max(PORTION).optional(),
  waiting: z.array(waitingSchema).max(PORTION).optional(),
  gone: z.array(goneSchema).max(PORTION).optional(),
  shared: sharedSchema.optional(),
  chat: z
    .object({
      peerId: id,
      messageId: z.string().max(64),
      // What a Date can be: pages show it.
      at: z.int().min(0).max(8.64e15),
      text: z.string().max(CHAT_MAX_LENGTH),
    })
    .optional(),
  /** The node has nobody in the room any more. */
  left: z.literal(true).optional(),
});
export type Update = z.infer<typeof updateSchema>;

/** `room.act`, a request: a host at the sender acts on a peer at the receiver. */
const actSchema = z.discriminatedUnion('act', [
  z.object({ act: z.literal('mute'), by: id, peerId: id, source: sourceSchema }),
  z.object({ act: z.enum(['remove', 'admit', 'deny']), by: id, peerId: id }),
]);
export type RoomAct = z.infer<typeof actSchema>;
export const actMessageSchema = z.object({ room: roomSchema, act: actSchema });

/** A room's key in the registry and on links: opaque, and of one cloud alone. */
export function roomKey(cloud: string, roomId: string): string {
  return createHash('sha256').update(`${cloud}\0${roomId}`).digest('base64url').slice(0, 22);
}
