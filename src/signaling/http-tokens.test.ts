import { generateKeyPairSync } from 'node:crypto';
import { type JWTPayload, SignJWT, UnsecuredJWT } from 'jose';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { FROM, ISSUER } from '../cluster/testing/door.ts';
import { generateSigningKey } from '../tokens/keys.ts';
import { type HttpNode, startHttpNode, until, upgrade } from './testing/http-node.ts';

let node: HttpNode;
beforeAll(async () => {
  node = await startHttpNode({ here: 'sjc' });
});
afterAll(async () => {
  await node.close();
});

const seconds = () => Math.floor(node.door.now / 1000);
const claims = (over: JWTPayload = {}): JWTPayload => ({
  iss: ISSUER,
  aud: 'watershed:commercial',
  jti: 'jti-of-a-forger',
  iat: seconds(),
  exp: seconds() + 600,
  cloud: 'commercial',
  room: 'standup',
  role: 'participant',
  region: 'us',
  ...over,
});
const header = (over: object = {}) => ({
  alg: 'EdDSA',
  typ: 'watershed-join+jwt',
  kid: node.door.issuerKey.kid,
  ...over,
});
const signed = (payload: JWTPayload, head: object = {}) =>
  new SignJWT(payload).setProtectedHeader(header(head)).sign(node.door.issuerKey.privateKey);
/** A claim left out altogether. */
const without = (name: string) =>
  Object.fromEntries(Object.entries(claims()).filter(([key]) => key !== name));

const FORGERIES: [string, string, () => string | Promise<string>][] = [
  ['alg none', 'token_invalid', () => new UnsecuredJWT(claims()).encode()],
  [
    'alg none that names the type and key',
    'token_invalid',
    () => {
      const [, payload] = new UnsecuredJWT(claims()).encode().split('.');
      return `${Buffer.from(JSON.stringify(header({ alg: 'none' }))).toString('base64url')}.${payload}.`;
    },
  ],
  [
    'another key under the same kid',
    'token_invalid',
    () => new SignJWT(claims()).setProtectedHeader(header()).sign(generateSigningKey().privateKey),
  ],
  [
    'an embedded jwk',
    'token_invalid',
    () => {
      const key = generateSigningKey();
      const embedded = { jwk: { ...key.publicJwk }, kid: undefined };
      return new SignJWT(claims()).setProtectedHeader(header(embedded)).sign(key.privateKey);
    },
  ],
  [
    'jku, x5u',
    'token_invalid',
    () => {
      const head = header({ jku: 'https://evil.example.com/keys', x5u: 'https://evil.example.com/chain' });
      return new SignJWT(claims()).setProtectedHeader(head).sign(generateSigningKey().privateKey);
    },
  ],
  [
    'HS256 with the public key as secret',
    'token_invalid',
    () => {
      const secret = node.door.issuerKey.publicKey.export({ format: 'pem', type: 'spki' });
      return new SignJWT(claims()).setProtectedHeader(header({ alg: 'HS256' })).sign(Buffer.from(secret));
    },
  ],
  [
    'HS256 with the raw public key as secret',
    'token_invalid',
    () => {
      const raw = Buffer.from(node.door.issuerKey.publicJwk.x, 'base64url');
      return new SignJWT(claims()).setProtectedHeader(header({ alg: 'HS256' })).sign(raw);
    },
  ],
  [
    'ES256 by a key of its own',
    'token_invalid',
    () => {
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      return new SignJWT(claims()).setProtectedHeader(header({ alg: 'ES256' })).sign(privateKey);
    },
  ],
  ['expired', 'token_expired', () => signed(claims({ iat: seconds() - 700, exp: seconds() - 60 }))],
  ['issued too long ago', 'token_expired', () => signed(claims({ iat: seconds() - 90_000 }))],
  ['another audience', 'token_invalid', () => signed(claims({ aud: 'watershed:government' }))],
  ['another service', 'token_invalid', () => signed(claims({ aud: 'billing' }))],
  ['another cloud', 'token_invalid', () => signed(claims({ cloud: 'government' }))],
  ['another issuer', 'token_invalid', () => signed(claims({ iss: 'https://evil.example.com' }))],
  ['another type', 'token_invalid', () => signed(claims(), { typ: 'JWT' })],
  [
    'a directory list as a token',
    'token_invalid',
    () => signed(claims(), { typ: 'watershed-directory+jwt' }),
  ],
  ['no expiry', 'token_invalid', () => signed(without('exp'))],
  ['no jti', 'token_invalid', () => signed(without('jti'))],
  ['a role there is not', 'token_invalid', () => signed(claims({ role: 'admin' }))],
  ['a region that is no string', 'token_invalid', () => signed(claims({ region: ['us', 'cn'] }))],
  ['regions that are none', 'token_invalid', () => signed(claims({ regions: [] }))],
  ['a signature cut short', 'token_invalid', async () => (await signed(claims())).slice(0, -4)],
  [
    'no signature',
    'token_invalid',
    async () => `${(await signed(claims())).split('.').slice(0, 2).join('.')}.`,
  ],
  ['nonsense', 'token_invalid', () => 'a.b.c'],
  ['a word', 'token_invalid', () => 'x'],
];

describe('a token that is not good', () => {
  test('and one that is, so that the table can fail', async () => {
    const outcome = await upgrade(node.port, { token: await signed(claims()) });
    expect(outcome.kind).toBe('open');
    if (outcome.kind === 'open') outcome.socket.terminate();
    expect(node.accepted.length).toBe(1);
  });

  test.each(FORGERIES)('%s: 401 %s', async (_what, code, forge) => {
    const before = node.accepted.length;
    const token = await forge();
    const refused = await upgrade(node.port, { token });
    expect(refused).toMatchObject({
      kind: 'refused',
      status: 401,
      body: { code, retry: false, status: 401 },
    });
    expect(refused.kind === 'refused' && refused.headers['www-authenticate']).toContain('Bearer');

    const browser = await upgrade(node.port, { token, browser: true });
    if (browser.kind !== 'open') throw new Error(JSON.stringify(browser));
    expect(await browser.closed).toBe(4403);
    expect(browser.messages.map((text) => JSON.parse(text))).toMatchObject([
      { type: 'notification', seq: 0, event: 'refused', data: { code } },
    ]);

    const directory = await fetch(`http://127.0.0.1:${node.port}/v1/directory`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
    });
    expect([directory.status, await directory.json()]).toMatchObject([401, { code }]);
    expect(node.accepted.length).toBe(before);
    if (token.length > 8) expect(JSON.stringify([refused, node.log])).not.toContain(token);
  });
});

test('no token: 401 before 101, for whoever asks', async () => {
  const outcome = await upgrade(node.port);
  expect(outcome).toMatchObject({ kind: 'refused', status: 401, body: { code: 'token_missing' } });
});

test('no defect was met on the way', () => {
  expect(node.door.defects).toEqual([]);
  expect(node.log).toEqual([]);
});

test('every decision was recorded, and none of the records names an address', async () => {
  await until(() => node.door.decisions.length >= FORGERIES.length * 3);
  const text = JSON.stringify(node.door.decisions);
  expect(text).not.toContain('127.0.0.1');
  expect(text).not.toContain(FROM.us);
});
