import { sign, verify } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { generateKeyPair } from './key-pair.ts';

const SRC = join(import.meta.dirname, '..');

it('pairs are Ed25519, fit together, and are exported as JWK', () => {
  const pairs = Array.from({ length: 200 }, generateKeyPair);
  expect(new Set(pairs.map(({ publicKey }) => publicKey.export({ format: 'jwk' }).x)).size).toBe(200);
  for (const { privateKey, publicKey } of pairs) {
    expect(publicKey.asymmetricKeyType).toBe('ed25519');
    expect(verify(null, Buffer.from('word'), publicKey, sign(null, Buffer.from('word'), privateKey))).toBe(
      true,
    );
  }
});

it('no other code of the product generates keys', () => {
  const files = readdirSync(SRC, { recursive: true, encoding: 'utf8' })
    .filter((file) => /\.(?:ts|mjs)$/.test(file) && !/\.test\.ts$|testing\/|^e2e\//.test(file))
    .filter((file) => /generateKey(?:Pair)?(?:Sync)?\(['"]/.test(readFileSync(join(SRC, file), 'utf8')));
  expect(files).toEqual(['tokens/key-pair.ts']);
});
