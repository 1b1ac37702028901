import { type KeyObject, verify } from 'node:crypto';
import { isRecord } from '../policy/is-record.ts';
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
/** Without each of these a token is none; the first of them that is missing is named. */
const REQUIRED = ['iss', 'aud', 'iat', 'role', 'room', 'cloud', 'jti', 'exp'];
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * Verifies join tokens. Keys come from the configuration alone: `jku`, `x5u`, `x5c` and `jwk` in a header are
 * never followed, and the header's `alg` chooses nothing (RFC 8725 sections 3.1, 3.8 to 3.11).
 *
 * The signature is verified here and now, as lists are signed: 110 µs of work cost 190 µs by way of WebCrypto's
 * threads, and a busy front door waits for threads. A token is read once, and its claims are judged as jose judges them
 * (a test holds the two together).
 */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { cloud, issuers, maxAgeSeconds, clockToleranceSeconds = 5, clock = Date.now } = options;
  const audience = audienceOf(cloud);
  /** That a token whose signature is good is meant for here and now (RFC 7519 section 4.1). Throws. */
  const assertMeant = ({ typ, claims }: Parts, issuer: string): void => {
    if (!isJoinType(typ)) throw wrong('typ');
    const missing = REQUIRED.find((claim) => !Object.hasOwn(claims, claim));
    if (missing !== undefined) throw wrong(missing);
    if (claims.iss !== issuer) throw wrong('iss');
    if (claims.aud !== audience && !(Array.isArray(claims.aud) && claims.aud.includes(audience)))
      throw wrong('aud');
    const now = Math.floor(clock() / 1000);
    const [issuedAt, expiresAt] = [secondsOf(claims, 'iat'), secondsOf(claims, 'exp')];
    if (Object.hasOwn(claims, 'nbf') && secondsOf(claims, 'nbf') > now + clockToleranceSeconds)
      throw wrong('nbf');
    const isExpired = expiresAt <= now - clockToleranceSeconds;
    if (isExpired || now - issuedAt - clockToleranceSeconds > maxAgeSeconds)
      throw new WatershedError('token_expired');
    if (issuedAt > now + clockToleranceSeconds) throw wrong('iat');
  };
  return {
    async verify(token) {
      if (token === null || token === undefined || token === '') throw new WatershedError('token_missing');
      if (token.length > MAX_TOKEN_LENGTH) throw new WatershedError('token_invalid', 'too long');
      const parts = partsOf(token);
      const { issuer, keys } = candidates(parts, issuers);
      if (!keys.some(({ publicKey }) => isSignedBy(parts, publicKey))) {
        throw new WatershedError('token_invalid', 'unknown issuer or key, or not signed by it');
      }
      assertMeant(parts, issuer);
      return claimsOf(parts.claims, cloud);
    },
  };
}

/** A token taken apart; what it says of itself is not verified. */
interface Parts {
  readonly signed: Buffer;
  readonly signature: Buffer;
  readonly kid: unknown;
  readonly typ: unknown;
  /** Nothing but `iss` is looked at before the signature is verified: it chooses keys. */
  readonly claims: Readonly<Record<string, unknown>>;
}

/** Throws `token_invalid` for what is no JWT, or asks for another way of signing it than ours. */
function partsOf(token: string): Parts {
  if (!COMPACT.test(token)) throw new WatershedError('token_invalid', 'not a JWT');
  try {
    const [header = '', payload = '', signature = ''] = token.split('.');
    const { alg, crit, kid, typ } = objectOf(header);
    // An extension that must be understood is understood by nobody here (RFC 7515 section 4.1.11).
    if (alg !== TOKEN_ALGORITHM || crit !== undefined) throw new Error('alg or crit');
    const signed = Buffer.from(token.slice(0, header.length + 1 + payload.length));
    return { signed, signature: Buffer.from(signature, 'base64url'), kid, typ, claims: objectOf(payload) };
  } catch (cause) {
    throw new WatershedError('token_invalid', 'not a JWT of ours', { cause });
  }
}

/** What a part of a token encodes. Throws for what is no JSON object. */
function objectOf(part: string): Readonly<Record<string, unknown>> {
  const value: unknown = JSON.parse(utf8.decode(Buffer.from(part, 'base64url')));
  if (!isRecord(value)) throw new Error('no object');
  return value;
}

/** Ed25519 (RFC 8032), and no other algorithm: the kind of the key alone chooses it. */
function isSignedBy({ signed, signature }: Parts, key: KeyObject): boolean {
  return key.asymmetricKeyType === 'ed25519' && verify(null, signed, key, signature);
}

/**
 * The keys that may have signed the token, by its own unverified word for its issuer and key: that word only
 * chooses among configured keys, and is verified with them afterwards.
 */
function candidates({ claims: { iss }, kid }: Parts, issuers: readonly TrustedIssuer[]): TrustedIssuer {
  const trusted = issuers.find((candidate) => candidate.issuer === iss);
  if (trusted === undefined) return { issuer: '', keys: [] };
  const keys = kid === undefined ? trusted.keys : trusted.keys.filter((key) => key.kid === kid);
  return { issuer: trusted.issuer, keys };
}

/** A media type says the same without `application/`, and in any case (RFC 7515 section 4.1.9). */
function isJoinType(typ: unknown): boolean {
  if (typ === JOIN_TOKEN_TYPE) return true;
  return typeof typ === 'string' && typ.toLowerCase().replace(/^application\//, '') === JOIN_TOKEN_TYPE;
}

/** A time as a claim has it. Throws for what is none. */
function secondsOf(claims: Readonly<Record<string, unknown>>, claim: string): number {
  const seconds = claims[claim];
  if (typeof seconds !== 'number') throw wrong(claim);
  return seconds;
}

function wrong(claim: string): WatershedError {
  return new WatershedError('token_invalid', `claim ${claim}`);
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
