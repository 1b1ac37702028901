import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { calculateJwkThumbprint, compactVerify, importJWK } from 'jose';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { DIRECTORY_JWS_TYPE } from '../protocol/directory.ts';
import { directoryKeys, signDirectoryList } from './directory-signature.ts';
import {
  exportPrivatePem,
  generateSigningKey,
  KeyError,
  loadSigningKey,
  loadVerificationKeys,
  parseSigningKey,
  parseVerificationKeys,
} from './keys.ts';

const key = generateSigningKey();
const { privateKey } = key;
const privateJwk = JSON.stringify(privateKey.export({ format: 'jwk' }));
const publicPem = key.publicKey.export({ type: 'spki', format: 'pem' }).toString();
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 });

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'keys-test-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('signing keys', () => {
  it('have the RFC 7638 thumbprint as kid', async () => {
    expect(key.kid).toBe(await calculateJwkThumbprint(key.publicJwk));
  });

  it('are read from PEM and from JWK, with the same kid', () => {
    expect(parseSigningKey(exportPrivatePem(key), 'k').publicJwk).toEqual(key.publicJwk);
    expect(parseSigningKey(privateJwk, 'k').publicJwk).toEqual(key.publicJwk);
  });

  it('keep the kid that a JWK names', () => {
    expect(parseSigningKey(JSON.stringify({ ...JSON.parse(privateJwk), kid: 'k-2026' }), 'k').kid).toBe(
      'k-2026',
    );
  });

  it.each<[string, string, RegExp]>([
    ['a public key', publicPem, /no private key/],
    ['a public JWK', JSON.stringify(key.publicJwk), /no private key/],
    ['an RSA key', rsa.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), /must be Ed25519/],
    ['text', 'hello', /no private key/],
    ['broken JSON', '{"kty":', /not JSON/],
    ['a symmetric JWK', '{"kty":"oct","k":"AAAA"}', /Ed25519 JWK/],
    ['nothing', '', /no private key/],
  ])('refuses %s, naming the file', (_case, text, message) => {
    expect(() => parseSigningKey(text, 'some.pem')).toThrow(message);
    expect(() => parseSigningKey(text, 'some.pem')).toThrow(/^some\.pem: /);
    expect(() => parseSigningKey(text, 'some.pem')).toThrow(KeyError);
  });

  it('warn where others may read the file, and not where its group may', async () => {
    const file = join(dir, 'key.pem');
    writeFileSync(file, exportPrivatePem(key));
    const warnings: string[] = [];
    const warn = (message: string) => warnings.push(message);
    chmodSync(file, 0o644);
    await loadSigningKey(file, { warn });
    expect(warnings).toEqual([expect.stringContaining(`chmod o= ${file}`)]);
    chmodSync(file, 0o640);
    expect((await loadSigningKey(file, { warn })).kid).toBe(key.kid);
    expect(warnings).toHaveLength(1);
  });

  it('say which file is missing', async () => {
    await expect(loadSigningKey(join(dir, 'none.pem'))).rejects.toThrow(
      /none\.pem: cannot be read \(ENOENT\)/,
    );
  });
});

describe('verification keys', () => {
  it('are read from PEM, JWK, JWK sets, and the public half of private keys', async () => {
    const other = generateSigningKey();
    expect(parseVerificationKeys(publicPem, 'k')[0]?.kid).toBe(key.kid);
    expect(parseVerificationKeys(JSON.stringify(key.publicJwk), 'k')[0]?.kid).toBe(key.kid);
    expect(parseVerificationKeys(exportPrivatePem(key), 'k')[0]?.publicKey.type).toBe('public');
    expect(parseVerificationKeys(privateJwk, 'k')[0]?.publicKey.type).toBe('public');
    const set = JSON.stringify({ keys: [key.publicJwk, { ...other.publicJwk, kid: 'second' }] });
    expect(parseVerificationKeys(set, 'k').map(({ kid }) => kid)).toEqual([key.kid, 'second']);
    const file = join(dir, 'issuer.pub.pem');
    writeFileSync(file, publicPem);
    expect(await loadVerificationKeys(file)).toHaveLength(1);
  });

  it.each<[string, string]>([
    ['an RSA key', rsa.publicKey.export({ type: 'spki', format: 'pem' }).toString()],
    ['an empty set', '{"keys":[]}'],
    ['a set with a symmetric key', '{"keys":[{"kty":"oct","k":"AAAA"}]}'],
    ['a truncated key', JSON.stringify({ ...key.publicJwk, x: 'AAAA' })],
    ['text', 'hello'],
  ])('refuses %s', (_case, text) => {
    expect(() => parseVerificationKeys(text, 'k')).toThrow(KeyError);
  });
});

describe('directory lists', () => {
  const list = {
    cloud: 'commercial',
    room: 'weekly',
    primaries: [{ datacenter: 'sjc', region: 'us', url: 'wss://sjc.example.net' }],
    secondaries: [],
    expiresAt: 1_800_000_000,
    policy: 'sha256:00',
  };

  it('are verified with what /v1/keys gives, and hold the list alone', async () => {
    const unsigned = { ...list, extra: 'not signed' };
    const { signature, ...plain } = signDirectoryList(key, unsigned);
    expect(plain).toEqual(list);
    const [jwk] = directoryKeys('commercial', [key]).keys;
    if (jwk === undefined) throw new Error('no key');
    const verified = await compactVerify(signature, await importJWK(jwk, 'EdDSA'), { algorithms: ['EdDSA'] });
    expect(JSON.parse(new TextDecoder().decode(verified.payload))).toEqual(list);
    expect(verified.protectedHeader).toEqual({ alg: 'EdDSA', typ: DIRECTORY_JWS_TYPE, kid: key.kid });
  });

  it('are published without private parts', () => {
    const [jwk] = directoryKeys('commercial', [key]).keys;
    expect(jwk).toEqual({
      ...createPublicKey(privateKey).export({ format: 'jwk' }),
      kid: key.kid,
      alg: 'EdDSA',
    });
    expect(JSON.stringify(jwk)).not.toContain('"d"');
  });
});
