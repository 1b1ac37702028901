import { randomUUID } from 'node:crypto';
import { SignJWT } from 'jose';
import {
  audienceOf,
  JOIN_TOKEN_TYPE,
  type JoinClaims,
  joinClaimsSchema,
  TOKEN_ALGORITHM,
} from '../protocol/token.ts';
import type { SigningKey } from './keys.ts';

/** Who issues join tokens, and for which cloud. */
export interface TokenIssuer {
  /** `iss`: the name under which the cloud's nodes list the key. */
  readonly issuer: string;
  readonly cloud: string;
  readonly key: SigningKey;
}

/** What a join token says of its bearer; the verifier's own claims are added. */
export type JoinTokenClaims = Omit<JoinClaims, 'iss' | 'jti' | 'iat' | 'exp' | 'cloud'>;

export interface IssueOptions {
  /** Seconds until it expires. */
  readonly ttlSeconds: number;
  /** Milliseconds since the epoch; the system's clock by default. */
  readonly now?: number;
  /** A fixed `jti`, where the draw of secondaries must be known beforehand. */
  readonly jti?: string;
}

/** A signed join token. Throws a ZodError when the claims do not have the form of `joinClaimsSchema`. */
export async function issueJoinToken(
  issuer: TokenIssuer,
  claims: JoinTokenClaims,
  options: IssueOptions,
): Promise<string> {
  const iat = Math.floor((options.now ?? Date.now()) / 1000);
  const payload = joinClaimsSchema.parse({
    ...claims,
    iss: issuer.issuer,
    jti: options.jti ?? randomUUID(),
    iat,
    exp: iat + Math.ceil(options.ttlSeconds),
    cloud: issuer.cloud,
  });
  return new SignJWT(payload)
    .setProtectedHeader({ alg: TOKEN_ALGORITHM, typ: JOIN_TOKEN_TYPE, kid: issuer.key.kid })
    .setAudience(audienceOf(issuer.cloud))
    .sign(issuer.key.privateKey);
}
