import {
  type Bundle,
  type Over,
  printBundle,
  publicKeyText,
  signBundle,
  type TrustedSigner,
} from '../../policy/bundle.ts';
import { generateKeyPair } from '../../tokens/key-pair.ts';

/** A signer of policies, with the private half. */
export interface TestSigner {
  readonly pem: string;
  readonly root: TrustedSigner;
}

export function testSigner(name: string): TestSigner {
  const { privateKey, publicKey } = generateKeyPair();
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { pem, root: { name, key: publicKeyText(publicKey), over: ['constitution', 'document'] } };
}

/** A bundle of the document: the first signer signs both parts, the others the constitution. */
export function bundleOf(policy: string, signers: readonly TestSigner[]): Uint8Array {
  const version = Number(/version: (\d+)/.exec(policy)?.[1]);
  const empty: Bundle = { format: 'watershed-bundle-1', version, policy, signatures: [] };
  const signed = signers.reduce((bundle, { pem }, i) => {
    const over: Over[] = i === 0 ? ['constitution', 'document'] : ['constitution'];
    return signBundle(bundle, pem, over);
  }, empty);
  return new TextEncoder().encode(printBundle(signed));
}
