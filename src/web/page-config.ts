import { z } from 'zod';
import { displayNameSchema, nameSchema, roleSchema, roomIdSchema } from '../protocol/token.ts';

/** Where the page finds its configuration; relative to the origin it was loaded from. */
export const CONFIG_PATH = '/config.json';
/** Development mode only: a join token for whoever asks from this machine. */
export const DEV_TOKEN_PATH = '/dev/token';
/** `/r/ROOM` opens the lobby with the room filled in. */
export const ROOM_PATH_PREFIX = '/r/';

/** What the page has to know before it can ask for a directory list; served at `/config.json`. */
export const pageConfigSchema = z.object({
  cloud: z.string(),
  /** Tokens come from `/dev/token`, and the lobby offers a choice of region and role. */
  development: z.boolean(),
  /** HTTP(S) origins to ask for a directory list, in turn; empty means the page's own origin. */
  frontDoors: z.array(z.string()),
  /** The policy's regions, for the development lobby; empty outside development. */
  regions: z.array(nameSchema),
  /** Region of the node that served the page, which the development lobby proposes. */
  region: z.string(),
});
export type PageConfig = z.infer<typeof pageConfigSchema>;

/** Body of `POST /dev/token`. */
export const devTokenRequestSchema = z.strictObject({
  room: roomIdSchema,
  name: displayNameSchema.optional(),
  role: roleSchema,
  region: nameSchema.optional(),
});
export type DevTokenRequest = z.infer<typeof devTokenRequestSchema>;

export const devTokenResponseSchema = z.object({ token: z.string() });
