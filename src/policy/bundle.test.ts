import { generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import {
  type Bundle,
  type BundleQuestion,
  type BundleResult,
  parseBundle,
  printBundle,
  publicKeyText,
  signBundle,
  type TrustedSigner,
  verifyBundle,
} from './bundle.ts';
import { digestOf } from './digest.ts';
import { edited, exampleText, parsed } from './testing/examples.ts';

const ZOOM = exampleText('zoom-2020');
const NOW = Date.UTC(2027, 0, 1);
const DIGEST = digestOf(parsed(ZOOM).policy);

function signer(name: string, over: TrustedSigner['over'] = ['constitution', 'document']) {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  return { pem, root: { name, key: publicKeyText(publicKey), over } satisfies TrustedSigner };
}

const ana = signer('ana');
const ben = signer('ben', ['constitution']);
const ops = signer('ops', ['document']);
const stranger = signer('stranger');
const ROOTS = [ana.root, ben.root, ops.root];

const question = (over: Partial<BundleQuestion> = {}): BundleQuestion => ({
  cloud: 'commercial',
  signers: ROOTS,
  highest: null,
  now: NOW,
  file: 'bundle',
  ...over,
});

/** Signed by ana and ben over the constitution and by ops over the document. */
function signed(policy = ZOOM, version = 12): Bundle {
  const first = signBundle({ version, policy }, ana.pem, ['constitution']);
  return signBundle(signBundle(first, ben.pem, ['constitution']), ops.pem, ['document']);
}

const bytes = (bundle: Bundle) => new TextEncoder().encode(printBundle(bundle));
const judge = (bundle: Bundle, over: Partial<BundleQuestion> = {}) =>
  verifyBundle(bytes(bundle), question(over));
const codeOf = (result: BundleResult) => (result.ok ? 'ok' : result.code);

describe('a bundle', () => {
  it('is accepted with two signers over the constitution and one over the document', () => {
    expect(judge(signed())).toMatchObject({
      ok: true,
      digest: DIGEST,
      constitution: ['ana', 'ben'],
      document: ['ops'],
    });
  });

  it('is refused with any one byte flipped', () => {
    const good = bytes(signed());
    const accepted: number[] = [];
    for (let i = 0; i < good.length; i++) {
      const bad = Uint8Array.from(good);
      bad[i] = (bad[i] ?? 0) ^ (1 << (i % 8));
      if (verifyBundle(bad, question()).ok) accepted.push(i);
    }
    expect(accepted).toEqual([]);
  });

  it('is refused cut short or with anything after it', () => {
    const good = bytes(signed());
    for (const length of [0, 1, good.length - 1]) {
      expect(codeOf(verifyBundle(good.slice(0, length), question()))).toBe('bundle_malformed');
    }
    expect(codeOf(verifyBundle(Uint8Array.of(...good, 0x20), question()))).toBe('bundle_malformed');
  });

  it.each([
    [
      'nobody over the document',
      (b: Bundle) => ({ ...b, signatures: b.signatures.slice(0, 2) }),
      'bundle_too_few_signers',
    ],
    [
      'one over the constitution',
      (b: Bundle) => ({ ...b, signatures: b.signatures.slice(1) }),
      'bundle_too_few_signers',
    ],
    ['none at all', (b: Bundle) => ({ ...b, signatures: [] }), 'bundle_too_few_signers'],
    [
      'the same signer twice',
      (b: Bundle) => ({
        ...b,
        signatures: b.signatures.map((s, i) => (i === 1 ? (b.signatures[0] ?? s) : s)),
      }),
      'bundle_too_few_signers',
    ],
    [
      'a signature over one part as one over the other',
      (b: Bundle) => ({
        ...b,
        signatures: b.signatures.map((s) => (s.key === ops.root.key ? { ...s, key: ana.root.key } : s)),
      }),
      'bundle_bad_signature',
    ],
    ['another version on the wrapper', (b: Bundle) => ({ ...b, version: 13 }), 'bundle_bad_signature'],
    [
      'a comment changed',
      (b: Bundle) => ({ ...b, policy: b.policy.replace('only clients of cn', 'all clients') }),
      'bundle_bad_signature',
    ],
    [
      'an unknown key as well',
      (b: Bundle) => signBundle(b, stranger.pem, ['constitution']),
      'bundle_unknown_key',
    ],
    [
      'a key over what it may not sign',
      (b: Bundle) => signBundle(b, ops.pem, ['constitution']),
      'bundle_unknown_key',
    ],
  ])('%s: refused', (_, change, code) => {
    expect(codeOf(judge(change(signed())))).toBe(code);
  });

  it('signatures over one constitution do not count for another', () => {
    const other = signed(edited('zoom-2020', 'admits: [cn]', 'admits: [cn, us]'));
    const mixed = { ...signed(), policy: other.policy };
    const again = signBundle(mixed, ops.pem, ['document']);
    expect(codeOf(judge(again))).toBe('bundle_bad_signature');
  });

  it.each([
    ['first', null, 'ok'],
    ['newer', { version: 11, digest: 'sha256:x' }, 'ok'],
    ['the same', { version: 12, digest: DIGEST }, 'ok'],
    ['the same version, another digest', { version: 12, digest: 'sha256:x' }, 'bundle_forked_version'],
    ['older', { version: 13, digest: DIGEST }, 'bundle_old_version'],
  ])('%s than the highest that ran', (_, highest, code) => {
    expect(codeOf(judge(signed(), { highest }))).toBe(code);
  });

  it('of another cloud, expired, failing check, or no policy: refused', () => {
    expect(codeOf(judge(signed(), { cloud: 'government' }))).toBe('bundle_other_cloud');
    expect(codeOf(judge(signed(), { now: Date.UTC(2027, 5, 30) }))).toBe('bundle_expired');
    expect(codeOf(judge(signed(exampleText('zoom-2020-february'), 13)))).toBe('bundle_fails_check');
    const result = judge(signed(exampleText('zoom-2020-february'), 13));
    expect(result.ok ? '' : result.message).toMatch(
      /^us client → sjc, iad unreachable → secondary sha .* \(and 3 more\)$/,
    );
  });

  it('that is validly signed says so, though this software refuses it', () => {
    expect(judge(signed(exampleText('zoom-2020-february'), 13))).toMatchObject({ signedVersion: 13 });
    expect(judge({ ...signed(), version: 99 })).toMatchObject({ ok: false, signedVersion: null });
  });

  it('cannot be made of what is no policy, or for another version', () => {
    expect(() => signBundle({ version: 1, policy: 'x' }, ana.pem, ['document'])).toThrow('only a policy');
    expect(() => signBundle({ version: 13, policy: ZOOM }, ana.pem, ['document'])).toThrow('version');
  });

  it('has one written form', () => {
    const bundle = signed();
    expect(parseBundle(bytes(bundle))).toEqual(bundle);
    const spaced = new TextEncoder().encode(JSON.stringify(bundle, null, 1));
    expect(parseBundle(spaced)).toBeNull();
    expect(parseBundle(new TextEncoder().encode('null\n'))).toBeNull();
  });
});
