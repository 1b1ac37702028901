import { isMap, parseDocument } from 'yaml';
import { printBundle, publicKeyText, signBundle, type TrustedSigner } from '../../policy/bundle.ts';
import { generateKeyPair } from '../../tokens/key-pair.ts';

/** What stands at a datacenter on this machine. */
export interface LocalSite {
  /** `ws://127.0.0.1:PORT`. */
  readonly url: string;
  /** Public enrolment key, as the policy writes it. */
  readonly key: string;
}

/**
 * The text of a policy with the URL and the enrolment key of each datacenter replaced by local ones, and nothing
 * else. The text must be a policy, and `sites` has all of its datacenters.
 */
export function localPolicyText(text: string, sites: ReadonlyMap<string, LocalSite>): string {
  const document = parseDocument(text, { keepSourceTokens: false });
  for (const [datacenter, { url, key }] of sites) {
    if (!document.hasIn(['datacenters', datacenter])) throw new Error(`no datacenter ${datacenter}`);
    document.setIn(['datacenters', datacenter, 'url'], url);
    document.setIn(['datacenters', datacenter, 'key'], key);
  }
  return document.toString({ lineWidth: 0 });
}

/**
 * What the directory of a replay's one careless node answers from: the same, with every fence taken away. `routes`
 * is the mistaken policy's text.
 */
export function unfencedText(routes: string, sites: ReadonlyMap<string, LocalSite>): string {
  const document = parseDocument(localPolicyText(routes, sites), { keepSourceTokens: false });
  const regions = document.get('regions');
  if (!isMap(regions)) throw new Error('no regions');
  for (const { key } of regions.items) document.setIn(['regions', key, 'admits'], 'any');
  return document.toString({ lineWidth: 0 });
}

/** The policy as a bundle, signed by two signers that are made for it and forgotten. */
export function signLocally(version: number, policy: string): { bundle: string; signers: TrustedSigner[] } {
  const signed = ['local-1', 'local-2'].map((name) => {
    const { privateKey, publicKey } = generateKeyPair();
    const over = ['constitution', 'document'] as const;
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    return { signer: { name, key: publicKeyText(publicKey), over }, pem };
  });
  let bundle: Parameters<typeof signBundle>[0] = { version, policy };
  for (const { signer, pem } of signed) bundle = signBundle(bundle, pem, signer.over);
  return {
    bundle: printBundle({ format: 'watershed-bundle-1', signatures: [], ...bundle }),
    signers: signed.map(({ signer }) => signer),
  };
}
