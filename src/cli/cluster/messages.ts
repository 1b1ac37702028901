import { z } from 'zod';

/** From parent to child: close, since the whole cluster does. */
export const orderSchema = z.object({ kind: z.literal('close') });
export type Order = z.infer<typeof orderSchema>;

/** From child to parent: the node is ready. */
export const readySchema = z.object({ kind: z.literal('ready') });
export type Ready = z.infer<typeof readySchema>;
