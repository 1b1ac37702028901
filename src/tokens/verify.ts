import { decodeJwt, decodeProtectedHeader, errors, jwtVerify } from 'jose';
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

/**
 * Verifies join tokens. Keys come from the configuration alone: `jku`, `x5u`, `x5c` and `jwk` in a header are
 * never followed, and the header's `alg` chooses nothing (RFC 8725 sections 3.1, 3.8 to 3.11).
 */
export function createTokenVerifier(options: TokenVerifierOptions): TokenVerifier {
  const { cloud, issuers, maxAgeSeconds, clockToleranceSeconds = 5, clock = Date.now } = options;
  const verifyWith = async (token: string, issuer: string, key: VerificationKey): Promise<unknown> => {
    const { payload } = await jwtVerify(token, key.publicKey, {
      algorithms: [TOKEN_ALGORITHM],
      issuer,
      audience: audienceOf(cloud),
      typ: JOIN_TOKEN_TYPE,
      requiredClaims: ['exp', 'iat', 'jti', 'cloud', 'room', 'role'],
      maxTokenAge: maxAgeSeconds,
      clockTolerance: clockToleranceSeconds,
      currentDate: new Date(clock()),
    });
    return payload;
  };
  return {
    async verify(token) {
      if (token === null || token === undefined || token === '') throw new WatershedError('token_missing');
      if (token.length > MAX_TOKEN_LENGTH) throw new WatershedError('token_invalid', 'too long');
      const { issuer, keys } = candidates(token, issuers);
      let failure: unknown = new WatershedError('token_invalid', 'unknown issuer or key');
      for (const key of keys) {
        try {
          return claimsOf(await verifyWith(token, issuer, key), cloud);
        } catch (error) {
          failure = error;
          // Only a signature by another of the issuer's keys is worth a second try.
          if (!(error instanceof errors.JWSSignatureVerificationFailed)) break;
        }
      }
      throw refusal(failure);
    },
  };
}

/**
 * The keys that may have signed the token, by its own unverified word for its issuer and key: that word only
 * chooses among configured keys, and is verified with them afterwards.
 */
function candidates(token: string, issuers: readonly TrustedIssuer[]): TrustedIssuer {
  try {
    const { iss } = decodeJwt(token);
    const { kid } = decodeProtectedHeader(token);
    const trusted = issuers.find((candidate) => candidate.issuer === iss);
    if (trusted === undefined) return { issuer: '', keys: [] };
    const keys = kid === undefined ? trusted.keys : trusted.keys.filter((key) => key.kid === kid);
    return { issuer: trusted.issuer, keys };
  } catch (cause) {
    throw new WatershedError('token_invalid', 'not a JWT', { cause });
  }
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
