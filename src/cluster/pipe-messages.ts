import { isIP } from 'node:net';
import { z } from 'zod';
import { MAX_REGIONS } from '../policy/parse-regions.ts';
import { MAX_LAYERS, rtpParametersSchema } from '../protocol/rtp.ts';
import { idSchema as id, nameSchema as name } from './wire-names.ts';

/**
 * What nodes say to each other about pipes, over node links. `pipe.open` and `pipe.renew` are requests of the
 * receiving node; `pipe.close` and `pipe.wanted` are its notices, `pipe.closed` is the sender's. All is parsed: a
 * node of another datacenter may be somebody else's by now.
 */
export const OPEN = 'pipe.open';
export const RENEW = 'pipe.renew';
export const CLOSE = 'pipe.close';
export const WANTED = 'pipe.wanted';
export const CLOSED = 'pipe.closed';

/** Leases in one renewal; more go into a further one, so that it stays far below a link's largest message. */
export const MAX_RENEWED = 2000;

/** 128 random bits of the receiver's: who does not know it can neither renew nor close. */
const nonce = z.string().regex(/^[A-Za-z0-9_-]{22}$/);
/** Of the policy that the node runs; empty where it has none. */
const digest = z.string().max(80);
const layer = z
  .int()
  .min(0)
  .max(MAX_LAYERS - 1)
  .nullable();

const labelSchema = z.object({
  home: name,
  evidence: z.array(name).max(MAX_REGIONS).readonly(),
  regions: z.array(name).max(MAX_REGIONS).readonly().nullable(),
});

const endSchema = z.object({
  ip: z.string().refine((text) => isIP(text) !== 0),
  port: z.int().min(1).max(65_535),
  srtpParameters: z.object({
    cryptoSuite: z.literal('AEAD_AES_256_GCM'),
    /** 32 bytes of key, 12 of salt (RFC 7714 section 12). */
    keyBase64: z.string().regex(/^[A-Za-z0-9+/]{59}=$/),
  }),
});

const leaseSchema = z.object({ pipeId: id, producerId: id, nonce });

export const openSchema = leaseSchema.extend({
  room: id,
  peerId: id,
  /** By which the receiver has decided; null where it knows none, and wants to be told first. */
  label: labelSchema.nullable(),
  policy: digest,
  end: endSchema,
});
export type OpenMessage = z.infer<typeof openSchema>;

export const openAnswerSchema = z.discriminatedUnion('status', [
  z.object({
    status: z.literal('open'),
    policy: digest,
    end: endSchema,
    rtpParameters: rtpParametersSchema,
    paused: z.boolean(),
  }),
  /** The receiver's label is not the peer's. Nothing was opened: it has to decide by this one first. */
  z.object({ status: z.literal('label'), policy: digest, label: labelSchema }),
]);
export type OpenAnswer = z.infer<typeof openAnswerSchema>;

export const renewSchema = z.object({
  policy: digest,
  leases: z.array(leaseSchema.extend({ wanted: layer.optional() })).max(MAX_RENEWED),
});
export type RenewMessage = z.infer<typeof renewSchema>;

const pipedSchema = leaseSchema.omit({ nonce: true });

export const renewAnswerSchema = z.object({
  policy: digest,
  /** Leases that the sender does not have. */
  gone: z.array(pipedSchema).max(MAX_RENEWED),
  /** Labels that changed, and still allow it by the sender's policy. */
  changed: z.array(pipedSchema.extend({ label: labelSchema })).max(MAX_RENEWED),
});
export type RenewAnswer = z.infer<typeof renewAnswerSchema>;

export const closeSchema = leaseSchema;
export const closedSchema = leaseSchema;
export const wantedSchema = z.object({ room: id, producerId: id, layer });

/** Within one node's pipes: a producer in a pipe. */
export function pipedKey({ pipeId, producerId }: { pipeId: string; producerId: string }): string {
  return `${pipeId} ${producerId}`;
}
