import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject } from 'node:crypto';

export interface KeyPair {
  readonly privateKey: KeyObject;
  readonly publicKey: KeyObject;
}

/**
 * A new pair of Ed25519 keys (RFC 8032), read from their text. A key as Node 20 generates it shares a lock with the job
 * that did: when the collector ends that job just while the key is exported as a JWK, the process waits for itself
 * forever, once in some ten thousand times.
 */
export function generateKeyPair(): KeyPair {
  const { privateKey: text } = generateKeyPairSync('ed25519', {
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
    publicKeyEncoding: { type: 'spki', format: 'pem' },
  });
  const privateKey = createPrivateKey(text);
  return { privateKey, publicKey: createPublicKey(privateKey) };
}
