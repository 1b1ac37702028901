import { createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto';
import fc from 'fast-check';
import { CompactSign, errors, jwtVerify, SignJWT } from 'jose';
import { describe, expect, it } from 'vitest';
import { WatershedError } from '../protocol/errors.ts';
import { audienceOf, JOIN_TOKEN_TYPE } from '../protocol/token.ts';
import { issueJoinToken, type TokenIssuer } from './issue.ts';
import { generateSigningKey } from './keys.ts';
import { createTokenVerifier, type TokenVerifierOptions } from './verify.ts';

const NOW = Date.UTC(2026, 10, 24, 12);
const seconds = NOW / 1000;
const key = generateSigningKey();
const otherKey = generateSigningKey();
const ISSUER = 'https://accounts.example.net';
const issuer: TokenIssuer = { issuer: ISSUER, cloud: 'commercial', key };

function verifier(options: Partial<TokenVerifierOptions> = {}) {
  return createTokenVerifier({
    cloud: 'commercial',
    issuers: [{ issuer: ISSUER, keys: [key] }],
    maxAgeSeconds: 86_400,
    clock: () => NOW,
    ...options,
  });
}

const CLAIMS = {
  iss: ISSUER,
  aud: audienceOf('commercial'),
  iat: seconds,
  exp: seconds + 600,
  jti: 'a-token-id',
  cloud: 'commercial',
  room: 'weekly',
  role: 'participant',
  region: 'us',
};
const HEADER = { alg: 'EdDSA', typ: JOIN_TOKEN_TYPE, kid: key.kid };

/** A well-signed token that differs from a good one where it is told to; `undefined` leaves a claim out. */
async function token(
  claims: Record<string, unknown> = {},
  header: Record<string, unknown> = {},
  signer: KeyObject = key.privateKey,
): Promise<string> {
  return new SignJWT({ ...CLAIMS, ...claims }).setProtectedHeader({ ...HEADER, ...header }).sign(signer);
}

function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** A token put together by hand, for headers that a library would not write. */
function forged(header: unknown, claims: unknown, sign: (input: string) => string): string {
  const input = `${part(header)}.${part(claims)}`;
  return `${input}.${sign(input)}`;
}

async function code(candidate: string | null | undefined, options?: Partial<TokenVerifierOptions>) {
  try {
    await verifier(options).verify(candidate);
  } catch (error) {
    if (error instanceof WatershedError) return error.code;
    throw error;
  }
  return 'accepted';
}

const rawPublic = Buffer.from(key.publicJwk.x, 'base64url');
const pem = key.publicKey.export({ type: 'spki', format: 'pem' });

describe('a good token', () => {
  it('gives its claims', async () => {
    const good = await issueJoinToken(
      issuer,
      {
        room: 'weekly',
        role: 'host',
        region: 'us',
        name: 'Ada',
        regions: ['us', 'eu'],
        except: ['eu'],
        moves: false,
      },
      { ttlSeconds: 60, now: NOW, jti: 'known-beforehand' },
    );
    expect(await verifier().verify(good)).toEqual({
      iss: 'https://accounts.example.net',
      jti: 'known-beforehand',
      iat: seconds,
      exp: seconds + 60,
      cloud: 'commercial',
      room: 'weekly',
      role: 'host',
      region: 'us',
      name: 'Ada',
      regions: ['us', 'eu'],
      except: ['eu'],
      moves: false,
    });
  });

  it('is good again until it expires', async () => {
    const good = await token();
    expect([await code(good), await code(good)]).toEqual(['accepted', 'accepted']);
  });

  it.each<[string, () => Promise<string>]>([
    ['without a kid', () => token({}, { kid: undefined })],
    ['without a region', () => token({ region: undefined })],
    ['with claims of others, which are ignored', () => token({ email: 'ada@example.net' })],
    ['with several audiences', () => token({ aud: ['other', audienceOf('commercial')] })],
    ['issued by a clock that is 3 s fast', () => token({ iat: seconds + 3 })],
    ['expired 3 s ago', () => token({ exp: seconds - 3 })],
  ])('%s', async (_case, make) => {
    expect(await code(await make())).toBe('accepted');
  });

  it('may be signed by any of the issuer\u2019s keys, named or not', async () => {
    const issuers = [{ issuer: ISSUER, keys: [otherKey, key] }];
    expect(await code(await token(), { issuers })).toBe('accepted');
    expect(await code(await token({}, { kid: undefined }), { issuers })).toBe('accepted');
  });
});

describe('what is refused', () => {
  const attacks: [string, string, () => string | null | undefined | Promise<string>][] = [
    ['nothing', 'token_missing', () => null],
    ['undefined', 'token_missing', () => undefined],
    ['the empty string', 'token_missing', () => ''],
    ['no JWT', 'token_invalid', () => 'letmein'],
    ['three dots', 'token_invalid', () => '...'],
    ['a very long string', 'token_invalid', () => 'a'.repeat(1_000_000)],
    ['alg none', 'token_invalid', () => forged({ ...HEADER, alg: 'none' }, CLAIMS, () => '')],
    ['alg None', 'token_invalid', () => forged({ ...HEADER, alg: 'None' }, CLAIMS, () => '')],
    ['no alg', 'token_invalid', () => forged({ typ: JOIN_TOKEN_TYPE }, CLAIMS, () => 'AAAA')],
    [
      'HS256 with the public key as the secret',
      'token_invalid',
      () =>
        forged({ ...HEADER, alg: 'HS256' }, CLAIMS, (input) =>
          createHmac('sha256', rawPublic).update(input).digest('base64url'),
        ),
    ],
    [
      'HS256 with the public key\u2019s PEM as the secret',
      'token_invalid',
      () =>
        forged({ ...HEADER, alg: 'HS256' }, CLAIMS, (input) =>
          createHmac('sha256', pem).update(input).digest('base64url'),
        ),
    ],
    ['another key', 'token_invalid', () => token({}, {}, otherKey.privateKey)],
    [
      'another key by its own name',
      'token_invalid',
      () => token({}, { kid: otherKey.kid }, otherKey.privateKey),
    ],
    ['another key without a name', 'token_invalid', () => token({}, { kid: undefined }, otherKey.privateKey)],
    [
      'another key, embedded as jwk',
      'token_invalid',
      () => token({}, { kid: undefined, jwk: otherKey.publicJwk }, otherKey.privateKey),
    ],
    [
      'another key, pointed at by jku',
      'token_invalid',
      () => token({}, { kid: otherKey.kid, jku: 'https://evil.example/keys' }, otherKey.privateKey),
    ],
    [
      'another key, pointed at by x5u',
      'token_invalid',
      () => token({}, { kid: undefined, x5u: 'https://evil.example/cert' }, otherKey.privateKey),
    ],
    [
      'RS256',
      'token_invalid',
      () => token({}, { alg: 'RS256' }, generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey),
    ],
    [
      'ES256',
      'token_invalid',
      () => token({}, { alg: 'ES256' }, generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey),
    ],
    // RFC 9864's name for the same algorithm, which the key would fit: one name is spoken, and pinned.
    ['another name of the algorithm', 'token_invalid', () => token({}, { alg: 'Ed25519' })],
    ['a critical extension', 'token_invalid', criticalExtension],
    ['expired', 'token_expired', () => token({ exp: seconds - 60 })],
    [
      'too old, though not expired',
      'token_expired',
      () => token({ iat: seconds - 90_000, exp: seconds + 600 }),
    ],
    ['from the future', 'token_invalid', () => token({ iat: seconds + 600, exp: seconds + 1200 })],
    ['not yet valid', 'token_invalid', () => token({ nbf: seconds + 600 })],
    ['another audience', 'token_invalid', () => token({ aud: audienceOf('government') })],
    ['no audience', 'token_invalid', () => token({ aud: undefined })],
    ['another cloud under this audience', 'token_invalid', () => token({ cloud: 'government' })],
    ['no cloud', 'token_invalid', () => token({ cloud: undefined })],
    ['another issuer', 'token_invalid', () => token({ iss: 'https://evil.example' })],
    ['no issuer', 'token_invalid', () => token({ iss: undefined })],
    ['an issuer that is no string', 'token_invalid', () => token({ iss: [ISSUER] })],
    ['another typ', 'token_invalid', () => token({}, { typ: 'JWT' })],
    ['the typ of a directory list', 'token_invalid', () => token({}, { typ: 'watershed-directory+jwt' })],
    ['no typ', 'token_invalid', () => token({}, { typ: undefined })],
    ['no jti', 'token_invalid', () => token({ jti: undefined })],
    ['a short jti', 'token_invalid', () => token({ jti: 'x' })],
    ['no exp', 'token_invalid', () => token({ exp: undefined })],
    ['no iat', 'token_invalid', () => token({ iat: undefined })],
    ['no room', 'token_invalid', () => token({ room: undefined })],
    ['a room that is a path', 'token_invalid', () => token({ room: '../other' })],
    ['no role', 'token_invalid', () => token({ role: undefined })],
    ['an unknown role', 'token_invalid', () => token({ role: 'admin' })],
    ['no regions at all', 'token_invalid', () => token({ regions: [] })],
    ['regions that are no list', 'token_invalid', () => token({ regions: 'us' })],
    ['moves that is no boolean', 'token_invalid', () => token({ moves: 'false' })],
    ['changed claims', 'token_invalid', async () => tampered(await token(), { role: 'host' })],
    ['no signature', 'token_invalid', async () => (await token()).replace(/[^.]*$/, '')],
  ];

  it.each(attacks)('%s: %s', async (_case, expected, make) => {
    expect(await code(await make())).toBe(expected);
  });

  it('keeps issuers apart: a key is good for its own issuer alone', async () => {
    const issuers = [
      { issuer: ISSUER, keys: [key] },
      { issuer: 'https://second.example.net', keys: [otherKey] },
    ];
    const claims = { iss: 'https://second.example.net' };
    expect(await code(await token(claims, { kid: undefined }, otherKey.privateKey), { issuers })).toBe(
      'accepted',
    );
    expect(await code(await token(claims, { kid: undefined }), { issuers })).toBe('token_invalid');
    expect(await code(await token({}, { kid: undefined }, otherKey.privateKey), { issuers })).toBe(
      'token_invalid',
    );
  });

  it('refuses everyone where no issuer is listed', async () => {
    expect(await code(await token(), { issuers: [] })).toBe('token_invalid');
  });

  it('says nothing of the token in its message', async () => {
    const bad = await token({ room: '../secret-room' });
    const error = await verifier()
      .verify(bad)
      .catch((reason: unknown) => reason);
    expect(String(error)).not.toContain('secret-room');
    expect(String(error)).not.toContain(bad.split('.')[1]);
  });
});

async function criticalExtension(): Promise<string> {
  return new CompactSign(Buffer.from(JSON.stringify(CLAIMS)))
    .setProtectedHeader({ ...HEADER, crit: ['urn:x'], 'urn:x': 1 })
    .sign(key.privateKey, { crit: { 'urn:x': true } });
}

function tampered(good: string, claims: object): string {
  const [header, , signature] = good.split('.');
  return `${header}.${part({ ...CLAIMS, ...claims })}.${signature}`;
}

describe('claims', () => {
  const time = fc.oneof(
    fc.integer({ min: -700, max: 700 }).map((offset) => seconds + offset),
    fc.integer({ min: -7, max: 7 }).map((offset) => seconds + offset),
    fc.constantFrom(undefined, null, '1', true, 0, -1, seconds - 86_400, seconds - 86_406, seconds + 0.5),
  );
  const anything = fc.constantFrom<unknown>(undefined, null, '', 'other', 7, [], {}, ['other']);
  const audience = audienceOf('commercial');
  const changes = fc.record(
    {
      iss: anything,
      aud: fc.oneof(anything, fc.constantFrom([audience], ['other', audience], { 0: audience })),
      iat: time,
      exp: time,
      nbf: time,
      jti: anything,
      cloud: anything,
      room: anything,
      role: anything,
    },
    { requiredKeys: [] },
  );
  const types = fc.constantFrom<unknown>(
    JOIN_TOKEN_TYPE,
    JOIN_TOKEN_TYPE.toUpperCase(),
    `application/${JOIN_TOKEN_TYPE}`,
    `Application/${JOIN_TOKEN_TYPE}`,
    `text/${JOIN_TOKEN_TYPE}`,
    `application/application/${JOIN_TOKEN_TYPE}`,
    'JWT',
    null,
    7,
    undefined,
  );

  it('are judged as jose judges them', async () => {
    await fc.assert(
      fc.asyncProperty(changes, types, async (changed, typ) => {
        const header: Record<string, unknown> = { typ };
        const payload = new TextEncoder().encode(JSON.stringify({ ...CLAIMS, ...changed }));
        const signed = await new CompactSign(payload)
          .setProtectedHeader({ ...HEADER, ...header })
          .sign(key.privateKey);
        const byJose = await jwtVerify(signed, key.publicKey, {
          issuer: ISSUER,
          audience,
          typ: JOIN_TOKEN_TYPE,
          requiredClaims: ['exp', 'iat', 'jti', 'cloud', 'room', 'role'],
          maxTokenAge: 86_400,
          clockTolerance: 5,
          currentDate: new Date(NOW),
        }).then(
          () => 'accepted',
          (error: unknown) => (error instanceof errors.JWTExpired ? 'token_expired' : 'token_invalid'),
        );
        const ours = await code(signed);
        // What jose accepts may still have no form of ours.
        if (byJose === 'accepted') expect(['accepted', 'token_invalid']).toContain(ours);
        else expect(ours).toBe(byJose);
      }),
      { numRuns: 3000 },
    );
  });
});
