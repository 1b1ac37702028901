import { type KeyObject, verify } from 'node:crypto';
import { errors, UnsecuredJWT } from 'jose';
import { z } from 'zod';
import { WatershedError } from '../protocol/errors.ts';
import {
  audienceOf,
  JOIN_TOKEN_TYPE,
  type JoinClaims,
  joinClaimsSchema,
  TOKEN_ALGORITHM,
} from '../protocol/token.ts';
import type { VerificationKey } from './keys.ts';

/** An issuer whose join tokens the cloud accepts. Several keys while one replaces another. */
export interface TrustedIssuer {
  readonly issuer: string;
  readonly keys: readonly VerificationKey[];
}

export interface TokenVerifierOptions {
  readonly cloud: string;
  readonly issuers: readonly TrustedIssuer[];
  /** Seconds after `iat` in which a token may be used, whatever its `exp` says. */
  readonly maxAgeSeconds: number;
  /** Seconds by which the issuer's clock may differ; 5 by default. */
  readonly clockToleranceSeconds?: number;
  /** Milliseconds since the epoch; the system's clock by default. */
  readonly clock?: () => number;
}

export interface TokenVerifier {
  /**
   * The claims of a join token that is good for this cloud, now. Throws WatershedError: `token_missing`,
   * `token_expired`, or `token_invalid` for everything else, which says no more to whoever forged it.
   */
  verify(token: string | null | undefined): Promise<JoinClaims>;
}

/** Longest token looked at, in characters: a header line is not longer. */
const MAX_TOKEN_LENGTH = 8 * 1024;

/** A compact JWS (RFC 7515 section 7.1) with nothing around its parts. */
const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;
/** How jose is told that it has no signature to look at (RFC 7519 section 6). */
const NO_SIGNATURE = 'none';

/**
 * Verifies join tokens. Keys come from the configuration alone: `jku`, `x5u`, `x5c` and `jwk` in a header are
 * never followed, and the header's `alg` chooses nothing (RFC 8725 sections 3.1, 3.8 to 3.11).
 *
 * The signature is verified here and now, as lists are signed: 110 µs of work cost 190 µs by way of WebCrypto's
 * threads, and a busy front door waits for threads. What the claims must be is jose's to say.
 */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { cloud, issuers, maxAgeSeconds, clockToleranceSeconds = 5, clock = Date.now } = options;
  /** The claims of a token whose signature is good, judged as of now. Throws jose's errors. */
  const judged = ({ typ, payload }: Parts, issuer: string): unknown =>
    UnsecuredJWT.decode(`${base64url({ alg: NO_SIGNATURE, typ })}.${payload}.`, {
      issuer,
      audience: audienceOf(cloud),
      typ: JOIN_TOKEN_TYPE,
      requiredClaims: ['exp', 'iat', 'jti', 'cloud', 'room', 'role'],
      maxTokenAge: maxAgeSeconds,
      clockTolerance: clockToleranceSeconds,
      currentDate: new Date(clock()),
    }).payload;
  return {
    async verify(token) {
      if (token === null || token === undefined || token === '') throw new WatershedError('token_missing');
      if (token.length > MAX_TOKEN_LENGTH) throw new WatershedError('token_invalid', 'too long');
      const parts = partsOf(token);
      const { issuer, keys } = candidates(parts, issuers);
      if (!keys.some(({ publicKey }) => isSignedBy(parts, publicKey))) {
        throw new WatershedError('token_invalid', 'unknown issuer or key, or not signed by it');
      }
      try {
        return claimsOf(judged(parts, issuer), cloud);
      } catch (error) {
        throw refusal(error);
      }
    },
  };
}

/** A token taken apart; what it says of itself is not verified. */
interface Parts {
  readonly signed: Buffer;
  readonly payload: string;
  readonly signature: Buffer;
  readonly iss: unknown;
  readonly kid: unknown;
  readonly typ: unknown;
}

/** What is read of a token before its signature is verified: enough to choose keys by. */
const said = z.unknown().optional();
const headerSchema = z.object({ alg: said, crit: said, kid: said, typ: said });
const payloadSchema = z.object({ iss: said });

/** Throws `token_invalid` for what is no JWT, or asks for another way of signing it than ours. */
function partsOf(token: string): Parts {
  if (!COMPACT.test(token)) throw new WatershedError('token_invalid', 'not a JWT');
  try {
    const [header = '', payload = '', signature = ''] = token.split('.');
    const { alg, crit, kid, typ } = headerSchema.parse(jsonOf(header));
    // An extension that must be understood is understood by nobody here (RFC 7515 section 4.1.11).
    if (alg !== TOKEN_ALGORITHM || crit !== undefined) throw new Error('alg or crit');
    const { iss } = payloadSchema.parse(jsonOf(payload));
    const signed = Buffer.from(`${header}.${payload}`);
    return { signed, payload, signature: Buffer.from(signature, 'base64url'), iss, kid, typ };
  } catch (cause) {
    throw new WatershedError('token_invalid', 'not a JWT of ours', { cause });
  }
}

/** What a part of a token encodes. Throws for what is no JSON. */
function jsonOf(part: string): unknown {
  return JSON.parse(Buffer.from(part, 'base64url').toString());
}

/** Ed25519 (RFC 8032), and no other algorithm: the kind of the key alone chooses it. */
function isSignedBy({ signed, signature }: Parts, key: KeyObject): boolean {
  return key.asymmetricKeyType === 'ed25519' && verify(null, signed, key, signature);
}

/**
 * The keys that may have signed the token, by its own unverified word for its issuer and key: that word only
 * chooses among configured keys, and is verified with them afterwards.
 */
function candidates({ iss, kid }: Parts, issuers: readonly TrustedIssuer[]): TrustedIssuer {
  const trusted = issuers.find((candidate) => candidate.issuer === iss);
  if (trusted === undefined) return { issuer: '', keys: [] };
  const keys = kid === undefined ? trusted.keys : trusted.keys.filter((key) => key.kid === kid);
  return { issuer: trusted.issuer, keys };
}

function base64url(value: object): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function claimsOf(payload: unknown, cloud: string): JoinClaims {
  const claims = joinClaimsSchema.safeParse(payload);
  if (!claims.success) {
    const where = claims.error.issues[0]?.path.join('.') ?? '';
    throw new WatershedError('token_invalid', `claim ${where}`, { cause: claims.error });
  }
  if (claims.data.cloud !== cloud) throw new WatershedError('token_invalid', 'another cloud');
  return claims.data;
}

function refusal(failure: unknown): WatershedError {
  if (failure instanceof WatershedError) return failure;
  if (failure instanceof errors.JWTExpired) {
    return new WatershedError('token_expired', undefined, { cause: failure });
  }
  // A fixed word for each cause: jose's own messages could quote the token.
  const detail = failure instanceof errors.JWTClaimValidationFailed ? `claim ${failure.claim}` : undefined;
  return new WatershedError('token_invalid', detail, { cause: failure });
}
