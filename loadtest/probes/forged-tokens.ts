import { createSecretKey, randomUUID } from 'node:crypto';
import { exportJWK, SignJWT, UnsecuredJWT } from 'jose';
import { DIRECTORY_JWS_TYPE } from '../../src/protocol/directory.ts';
import { audienceOf, JOIN_TOKEN_TYPE, TOKEN_ALGORITHM } from '../../src/protocol/token.ts';
import type { TokenIssuer } from '../../src/tokens/issue.ts';
import { generateSigningKey } from '../../src/tokens/keys.ts';

export interface Forgery {
  readonly kind: string;
  readonly what: string;
  readonly token: string;
}

/** A day, in seconds: longer than any tolerance. */
const DAY = 86_400;

/**
 * Join tokens that no node may accept, each wrong in one way alone: everything else is as in a token that would be
 * admitted.
 */
export async function forgeTokens(issuer: TokenIssuer, room: string, region: string): Promise<Forgery[]> {
  const { key, cloud } = issuer;
  const now = Math.floor(Date.now() / 1000);
  const claims = {
    iss: issuer.issuer,
    jti: randomUUID(),
    iat: now,
    exp: now + 600,
    cloud,
    room,
    role: 'participant',
    region,
    aud: audienceOf(cloud),
  };
  const header = { alg: TOKEN_ALGORITHM, typ: JOIN_TOKEN_TYPE, kid: key.kid };
  const stranger = generateSigningKey();
  const signed = (payload: object, signer = key.privateKey, protectedHeader: object = {}): Promise<string> =>
    new SignJWT({ ...payload }).setProtectedHeader({ ...header, ...protectedHeader }).sign(signer);
  const genuine = await signed(claims);
  const [head = '', , signature = ''] = genuine.split('.');
  const elsewhere = Buffer.from(JSON.stringify({ ...claims, role: 'host', region: 'elsewhere' })).toString(
    'base64url',
  );
  const none = new UnsecuredJWT(claims).encode();
  const unsigned = [
    Buffer.from(JSON.stringify({ ...header, alg: 'none' })).toString('base64url'),
    none.split('.')[1],
    '',
  ].join('.');
  const hmac = new SignJWT(claims)
    .setProtectedHeader({ ...header, alg: 'HS256' })
    .sign(createSecretKey(Buffer.from(String(key.publicJwk.x), 'base64url')));
  const cases: readonly (readonly [string, string, string | Promise<string>])[] = [
    ['token-none', 'a token with algorithm "none"', unsigned],
    [
      'token-other-key',
      "a token signed by another key, under the true key's id",
      signed(claims, stranger.privateKey),
    ],
    [
      'token-own-key',
      'a token that brings its own key along in its header',
      signed(claims, stranger.privateKey, { jwk: await exportJWK(stranger.publicKey), kid: stranger.kid }),
    ],
    ['token-hmac', 'a token signed with the public key as a shared secret', hmac],
    [
      'token-altered',
      'a genuine token whose claims were altered afterwards',
      [head, elsewhere, signature].join('.'),
    ],
    [
      'token-audience',
      'a genuine signature for another audience',
      signed({ ...claims, aud: 'watershed:elsewhere' }),
    ],
    [
      'token-cloud',
      "another cloud's token, signed by the same key",
      signed({ ...claims, cloud: 'elsewhere', aud: audienceOf('elsewhere') }),
    ],
    [
      'token-type',
      'a genuine signature over another type of token',
      signed(claims, key.privateKey, { typ: DIRECTORY_JWS_TYPE }),
    ],
    [
      'token-expired',
      'a genuine token of yesterday',
      signed({ ...claims, iat: now - DAY - 600, exp: now - DAY }),
    ],
    ['token-issuer', 'a token of an issuer that nobody knows', signed({ ...claims, iss: 'nobody' })],
  ];
  return Promise.all(cases.map(async ([kind, what, token]) => ({ kind, what, token: await token })));
}
