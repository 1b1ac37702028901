import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { canonicalConstitution, digestOf } from './digest.ts';
import { isRecord } from './is-record.ts';
import type { Policy, Positions } from './model.ts';
import { parsePolicy } from './parse.ts';
import { check } from './prove.ts';

/**
 * A signed policy: one line of JSON, in the one form that `printBundle` writes. Two distinct signers sign the
 * constitution (cloud, regions, datacenters), one signs the whole document as it is written; both are bound to the
 * version.
 */
export interface Bundle {
  readonly format: 'watershed-bundle-1';
  readonly version: number;
  /** The YAML document. */
  readonly policy: string;
  readonly signatures: readonly BundleSignature[];
}

/** What a signature answers for. */
export type Over = 'constitution' | 'document';

export interface BundleSignature {
  /** Public key of the signer, `ed25519:<base64url of 32 bytes>`. */
  readonly key: string;
  readonly over: Over;
  /** Base64url of 64 bytes. */
  readonly signature: string;
}

/** A trust root, from the node's own configuration. */
export interface TrustedSigner {
  readonly name: string;
  readonly key: string;
  /** What this signer may answer for. */
  readonly over: readonly Over[];
}

export const CONSTITUTION_SIGNERS = 2;

/** Why a bundle is refused; stable. The node goes on with the last good policy. */
export type BundleCode =
  | 'bundle_malformed'
  | 'bundle_unknown_key'
  | 'bundle_bad_signature'
  | 'bundle_too_few_signers'
  | 'bundle_not_a_policy'
  | 'bundle_other_cloud'
  | 'bundle_old_version'
  /** The version that runs, with another content: somebody signed two. An alarm. */
  | 'bundle_forked_version'
  | 'bundle_expired'
  | 'bundle_fails_check';

export type BundleResult =
  | {
      readonly ok: true;
      readonly policy: Policy;
      readonly positions: Positions;
      readonly digest: string;
      /** Names of those who signed. */
      readonly constitution: readonly string[];
      readonly document: readonly string[];
    }
  | {
      readonly ok: false;
      readonly code: BundleCode;
      readonly message: string;
      /**
       * The version, where the signatures are good and only the content is refused (of a document that this
       * software cannot read, the one signature that does not need reading). When it is above the version that
       * runs, the node admits and pipes nothing new until it runs it.
       */
      readonly signedVersion: number | null;
    };

export interface BundleQuestion {
  /** The node's own cloud. */
  readonly cloud: string;
  readonly signers: readonly TrustedSigner[];
  /** The highest version that this node ever ran, and its digest; null before the first. */
  readonly highest: { readonly version: number; readonly digest: string } | null;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** Named in findings. */
  readonly file: string;
}

/** Judges bytes as a bundle. Never throws; whatever is not certain is refused. */
export function verifyBundle(bytes: Uint8Array, question: BundleQuestion): BundleResult {
  const bundle = parseBundle(bytes);
  if (bundle === null) return refuse('bundle_malformed', 'not a bundle in its one written form', null);
  const { signers, file } = question;
  for (const { key } of bundle.signatures) {
    // One foreign signature is enough: a bundle says only what its node can verify.
    if (!signers.some((s) => s.key === key))
      return refuse('bundle_unknown_key', `signed by the unknown key ${key}`, null);
  }
  const document = signedBy(bundle, 'document', documentBytes(bundle.version, bundle.policy), signers);
  if (!document.ok) return document;
  if (document.names.length === 0)
    return refuse('bundle_too_few_signers', 'nobody signed the document', null);
  const { version } = bundle;
  const parsed = parsePolicy(bundle.policy, file);
  if (!parsed.ok) {
    const first = parsed.faults[0];
    const message = `not a policy: ${file}:${first?.line}:${first?.column}: ${first?.message}`;
    return refuse('bundle_not_a_policy', message, version);
  }
  const { policy, positions } = parsed;
  if (policy.version !== version) {
    return refuse(
      'bundle_malformed',
      `signed as version ${version}, and the document says ${policy.version}`,
      null,
    );
  }
  const constitution = signedBy(bundle, 'constitution', constitutionBytes(policy), signers);
  if (!constitution.ok) return constitution;
  if (constitution.names.length < CONSTITUTION_SIGNERS) {
    const message = `${constitution.names.length} of ${CONSTITUTION_SIGNERS} signers over the constitution`;
    return refuse('bundle_too_few_signers', message, null);
  }
  return judgeContent(policy, positions, question, {
    constitution: constitution.names,
    document: document.names,
  });
}

function judgeContent(
  policy: Policy,
  positions: Positions,
  { cloud, highest, now }: BundleQuestion,
  names: { constitution: readonly string[]; document: readonly string[] },
): BundleResult {
  const { version } = policy;
  // Another cloud's version says nothing of ours.
  if (policy.cloud !== cloud)
    return refuse('bundle_other_cloud', `a policy of ${policy.cloud}, and this is ${cloud}`, null);
  const digest = digestOf(policy);
  if (highest !== null && version < highest.version) {
    return refuse('bundle_old_version', `version ${version}, and ${highest.version} has run`, version);
  }
  if (highest !== null && version === highest.version && digest !== highest.digest) {
    return refuse(
      'bundle_forked_version',
      `version ${version} has run with the digest ${highest.digest}`,
      version,
    );
  }
  if (policy.expires !== null && now >= policy.expires) {
    return refuse('bundle_expired', `expired on ${new Date(policy.expires).toISOString()}`, version);
  }
  const proof = check({ policy, positions });
  if (!proof.holds) {
    const [first] = proof.violations;
    const more = proof.violations.length > 1 ? ` (and ${proof.violations.length - 1} more)` : '';
    return refuse('bundle_fails_check', `${first?.message}${more}`, version);
  }
  return { ok: true, policy, positions, digest, ...names };
}

/**
 * Names of the distinct signers of one part. Every signature over it has to be good and by a signer who may sign
 * it: one that is not is no harmless extra, somebody made it.
 */
function signedBy(
  bundle: Bundle,
  over: Over,
  message: Uint8Array,
  signers: readonly TrustedSigner[],
): { readonly ok: true; readonly names: string[] } | Extract<BundleResult, { ok: false }> {
  const names = new Map<string, string>();
  for (const { key, signature } of bundle.signatures.filter((s) => s.over === over)) {
    const signer = signers.find((s) => s.key === key && s.over.includes(over));
    if (signer === undefined) return refuse('bundle_unknown_key', `${key} may not sign the ${over}`, null);
    if (!verifySignature(key, message, signature)) {
      return refuse(
        'bundle_bad_signature',
        `the signature of ${signer.name} over the ${over} is not good`,
        null,
      );
    }
    names.set(key, signer.name);
  }
  return { ok: true, names: [...names.values()] };
}

function refuse(
  code: BundleCode,
  message: string,
  signedVersion: number | null,
): Extract<BundleResult, { ok: false }> {
  return { ok: false, code, message, signedVersion };
}

/** Adds a signature over each part named; one that the signer gave before is replaced. Throws where the text is no policy. */
export function signBundle(
  bundle: Omit<Bundle, 'signatures' | 'format'> & { readonly signatures?: readonly BundleSignature[] },
  privateKeyPem: string,
  over: readonly Over[],
): Bundle {
  const parsed = parsePolicy(bundle.policy, 'policy');
  if (!parsed.ok) throw new Error('only a policy can be signed: run "watershed policy check"');
  if (parsed.policy.version !== bundle.version) throw new Error('the version is that of the document');
  const privateKey = createPrivateKey(privateKeyPem);
  if (privateKey.asymmetricKeyType !== 'ed25519') throw new Error('policies are signed with Ed25519 keys');
  const key = publicKeyText(createPublicKey(privateKey));
  const kept = (bundle.signatures ?? []).filter((s) => s.key !== key || !over.includes(s.over));
  const added = over.map((part): BundleSignature => {
    const message =
      part === 'document' ? documentBytes(bundle.version, bundle.policy) : constitutionBytes(parsed.policy);
    return { key, over: part, signature: sign(null, message, privateKey).toString('base64url') };
  });
  return {
    format: 'watershed-bundle-1',
    version: bundle.version,
    policy: bundle.policy,
    signatures: [...kept, ...added],
  };
}

/** The one written form. */
export function printBundle({ format, version, policy, signatures }: Bundle): string {
  const parts = signatures.map(({ key, over, signature }) => ({ key, over, signature }));
  return `${JSON.stringify({ format, version, policy, signatures: parts })}\n`;
}

/** The bundle that the bytes are the one written form of, or null. */
export function parseBundle(bytes: Uint8Array): Bundle | null {
  let text: string;
  let value: unknown;
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (!isRecord(value) || !Array.isArray(value.signatures)) return null;
  const { format, version, policy } = value;
  if (format !== 'watershed-bundle-1' || typeof version !== 'number' || typeof policy !== 'string')
    return null;
  if (!Number.isSafeInteger(version)) return null;
  const signatures = value.signatures.flatMap((s: unknown): BundleSignature[] => {
    if (!isRecord(s)) return [];
    const { key, over, signature } = s;
    if (typeof key !== 'string' || typeof signature !== 'string') return [];
    return over === 'constitution' || over === 'document' ? [{ key, over, signature }] : [];
  });
  const bundle: Bundle = { format, version, policy, signatures };
  // Other spellings of the same JSON (and whatever else was in it) are refused: one bundle, one sequence of bytes.
  return printBundle(bundle) === text ? bundle : null;
}

/** `ed25519:<base64url>` of a public key. */
export function publicKeyText(key: KeyObject): string {
  const { x } = key.export({ format: 'jwk' });
  if (key.asymmetricKeyType !== 'ed25519' || x === undefined)
    throw new Error('policies are signed with Ed25519 keys');
  return `ed25519:${x}`;
}

const KEY_TEXT = /^ed25519:([A-Za-z0-9_-]{43})$/;

/** The public key that the text names, or null: not one, or not in its one written form. */
export function parsePublicKey(text: string): KeyObject | null {
  const x = KEY_TEXT.exec(text)?.[1];
  if (x === undefined || Buffer.from(x, 'base64url').toString('base64url') !== x) return null;
  try {
    return createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
  } catch {
    return null;
  }
}

function verifySignature(key: string, message: Uint8Array, signature: string): boolean {
  const publicKey = parsePublicKey(key);
  const bytes = Buffer.from(signature, 'base64url');
  if (publicKey === null || bytes.length !== 64 || bytes.toString('base64url') !== signature) return false;
  return verify(null, message, publicKey, bytes);
}

/** What signers of the constitution sign: the canonical form, which has the version in it. */
function constitutionBytes(policy: Policy): Uint8Array {
  return new TextEncoder().encode(canonicalConstitution(policy));
}

/** What signers of the document sign: every byte of it, comments too. */
function documentBytes(version: number, policy: string): Uint8Array {
  return new TextEncoder().encode(`watershed-document-1\n${version}\n${policy}`);
}
