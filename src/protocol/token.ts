import { z } from 'zod';

/** JWS `typ` of a join token (RFC 8725 section 3.11: explicit typing). */
export const JOIN_TOKEN_TYPE = 'watershed-join+jwt';

/** The only signature algorithm of join tokens and directory lists (RFC 8037, Ed25519). */
export const TOKEN_ALGORITHM = 'EdDSA';

/** `aud` of join tokens of a cloud. */
export function audienceOf(cloud: string): string {
  return `watershed:${cloud}`;
}

export const roleSchema = z.enum(['host', 'participant']);
export type Role = z.infer<typeof roleSchema>;

/** A name of the policy: region, datacenter, cloud. */
export const nameSchema = z
  .string()
  .min(1)
  .max(64)
  .regex(/^[a-z0-9][a-z0-9-]*$/, 'lower-case letters, digits and hyphens');

export const roomIdSchema = z
  .string()
  .min(1)
  .max(128)
  .regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/, 'letters, digits, dots, hyphens and underscores');

export const displayNameSchema = z.string().trim().min(1).max(80);

/** Claims of a join token, beside `aud`, which the verifier compares with `audienceOf`. */
export const joinClaimsSchema = z.object({
  /** One of the issuers that the cloud's nodes know. */
  iss: z.string().min(1).max(256),
  jti: z.string().min(8).max(128),
  iat: z.number(),
  exp: z.number(),
  /** Who the participant is to the issuer; opaque. */
  sub: z.string().max(256).optional(),
  cloud: nameSchema,
  room: roomIdSchema,
  role: roleSchema,
  /** The home region. An undefined name is refused later, by policy; here only its form is checked. */
  region: z.string().min(1).max(64).optional(),
  name: displayNameSchema.optional(),
  /** The account's choice: only these regions may process the meeting. */
  regions: z.array(z.string().min(1).max(64)).min(1).max(256).optional(),
  /** The account's choice, by exclusion. */
  except: z.array(z.string().min(1).max(64)).min(1).max(256).optional(),
  /** A host's `false`: do not move the room for a newcomer, refuse the newcomer. */
  moves: z.boolean().optional(),
});
export type JoinClaims = z.infer<typeof joinClaimsSchema>;
