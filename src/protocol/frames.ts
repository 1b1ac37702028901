import { z } from 'zod';

/** WebSocket subprotocol, which is also the version: a later version is another subprotocol. */
export const SUBPROTOCOL = 'watershed.v1';
/** Prefix of the second subprotocol by which browsers bring their token; never echoed, never logged. */
export const BEARER_PREFIX = 'bearer.';
export const SIGNAL_PATH = '/v1/signal';
export const DIRECTORY_PATH = '/v1/directory';
export const KEYS_PATH = '/v1/keys';

/** Bytes of one frame, both ways; ws closes with 1009 beyond it. */
export const MAX_MESSAGE_BYTES = 64 * 1024;
/** Seconds in which a response is due, unless a method says otherwise. */
export const REQUEST_SECONDS = 10;

/** Client to server. `id` is unique among the requests in flight. */
export const requestFrameSchema = z.strictObject({
  type: z.literal('request'),
  id: z.number().int().min(1).max(Number.MAX_SAFE_INTEGER),
  method: z.string().max(64),
  data: z.unknown(),
});
export type RequestFrame = z.infer<typeof requestFrameSchema>;

export const wireErrorSchema = z.object({ code: z.string(), message: z.string(), retry: z.boolean() });

const responseFrameSchema = z.discriminatedUnion('ok', [
  z.object({ type: z.literal('response'), id: z.number(), ok: z.literal(true), data: z.unknown() }),
  z.object({ type: z.literal('response'), id: z.number(), ok: z.literal(false), error: wireErrorSchema }),
]);
export type ResponseFrame = z.infer<typeof responseFrameSchema>;

/** `seq` counts from 1 over the life of a session, across resumes; 0 is before a session exists (`welcome`). */
const notificationFrameSchema = z.object({
  type: z.literal('notification'),
  seq: z.number().int().min(0),
  event: z.string(),
  data: z.unknown(),
});
export type NotificationFrame = z.infer<typeof notificationFrameSchema>;

/** Server to client. */
export const serverFrameSchema = z.union([responseFrameSchema, notificationFrameSchema]);
export type ServerFrame = z.infer<typeof serverFrameSchema>;
