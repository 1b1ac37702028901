import { z } from 'zod';

/** What the bench and the node that it watches say to each other. */
const homesSchema = z.object({ cloud: z.string(), regions: z.array(z.string()) });
export type Homes = z.output<typeof homesSchema>;

export const toNodeSchema = z.discriminatedUnion('kind', [
  /** Make a join token for each region. */
  homesSchema.extend({ kind: z.literal('tokens') }),
  /** Watch the event loop from now on. */
  z.object({ kind: z.literal('watch') }),
  z.object({ kind: z.literal('report') }),
  z.object({ kind: z.literal('end') }),
]);
export type ToNode = z.output<typeof toNodeSchema>;

export const fromNodeSchema = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('ready'), url: z.string() }),
  z.object({ kind: z.literal('tokens'), tokens: z.array(z.string()) }),
  z.object({ kind: z.literal('watching') }),
  z.object({ kind: z.literal('switched') }),
  /** The longest time between two looks at the clock, in ms, and how many stays were judged. */
  z.object({ kind: z.literal('report'), wall: z.number(), cpu: z.number(), judged: z.number() }),
]);
export type FromNode = z.output<typeof fromNodeSchema>;
