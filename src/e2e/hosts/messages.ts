import { z } from 'zod';

/** What a test and the process that plays people in a host's network say to each other. */

const joinSchema = z.object({
  do: z.literal('join'),
  who: z.string(),
  token: z.string(),
  doors: z.array(z.string()),
  /** The host's address for signaling. */
  from: z.string(),
  /** And for media; null: no media, neither sent nor received. */
  media: z.string().nullable(),
});

export const orderSchema = z.intersection(
  z.object({ id: z.number() }),
  z.discriminatedUnion('do', [
    joinSchema,
    z.object({ do: z.literal('chat'), who: z.string(), text: z.string() }),
    z.object({ do: z.literal('leave'), who: z.string() }),
    z.object({ do: z.literal('admit'), who: z.string(), peerId: z.string() }),
    z.object({ do: z.literal('views') }),
    z.object({ do: z.literal('end') }),
  ]),
);
export type Order = z.infer<typeof orderSchema>;

/** What one of those people sees, and went through. */
const viewSchema = z.object({
  who: z.string(),
  status: z.string(),
  datacenter: z.string().nullable(),
  peerId: z.string(),
  peers: z.array(
    z.object({
      peerId: z.string(),
      name: z.string(),
      datacenter: z.string(),
      sources: z.array(z.string()),
    }),
  ),
  /** Names of those who wait, as hosts see them. */
  waiting: z.array(z.string()),
  chat: z.array(z.object({ name: z.string(), text: z.string() })),
  /** Stamped packets decrypted so far, by name of who sent them. */
  heard: z.record(z.string(), z.number()),
  /** Packets that never came, by the same. */
  missing: z.record(z.string(), z.number()),
  statuses: z.array(z.string()),
  /** Codes. */
  problems: z.array(z.string()),
});
export type View = z.infer<typeof viewSchema>;

export const answerSchema = z.object({
  id: z.number(),
  /** The outcome of a join (`joined`, `waiting` or a code), or `ok` or a code of the others. */
  outcome: z.string(),
  views: z.array(viewSchema).default([]),
});
export type Answer = z.input<typeof answerSchema>;
