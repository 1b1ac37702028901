import { z } from 'zod';

/** One datacenter that a client may try: its name, its region and the WebSocket base URL of a bridge there. */
export const directoryEntrySchema = z.object({
  datacenter: z.string(),
  region: z.string(),
  /** `wss://host[:port]` (or `ws:` on loopback), without a path; `/v1/signal` is appended. */
  url: z.string(),
  /** Base URL of another bridge there, where there is one: to ask for a list once the first has ended. */
  sibling: z.string().optional(),
});
export type DirectoryEntry = z.infer<typeof directoryEntrySchema>;

/** What the signature covers. */
export const directoryListSchema = z.object({
  cloud: z.string(),
  /** The room that the join token names: a list is good for this room only. */
  room: z.string(),
  /** Tried in this order. */
  primaries: z.array(directoryEntrySchema),
  /** At most two, tried when every primary has failed. */
  secondaries: z.array(directoryEntrySchema).max(2),
  /** Seconds since 1970; a client follows nothing from the list after it. */
  expiresAt: z.number().int(),
  /** Digest of the policy that the list was made under. */
  policy: z.string(),
});
export type DirectoryList = z.infer<typeof directoryListSchema>;

/**
 * Answer of `POST /v1/directory`, also attached to a redirect. `signature` is a compact JWS (RFC 7515, EdDSA,
 * `typ: "watershed-directory+jwt"`) whose payload is the list itself as JSON: a client verifies it with the
 * cloud's directory keys and uses the payload, the plain fields are for people.
 */
export const directoryAnswerSchema = directoryListSchema.extend({ signature: z.string() });
export type DirectoryAnswer = z.infer<typeof directoryAnswerSchema>;

/** `GET /v1/keys`: the public keys (JWK, Ed25519) that sign directory lists of this cloud. */
export const directoryKeysSchema = z.object({
  cloud: z.string(),
  keys: z.array(
    z.object({
      kty: z.literal('OKP'),
      crv: z.literal('Ed25519'),
      x: z.string(),
      kid: z.string(),
      alg: z.string().optional(),
    }),
  ),
});
export type DirectoryKeys = z.infer<typeof directoryKeysSchema>;

export const DIRECTORY_JWS_TYPE = 'watershed-directory+jwt';
