import { writeFileSync } from 'node:fs';
import {
  type Bundle,
  type BundleResult,
  type Over,
  parseBundle,
  parsePublicKey,
  printBundle,
  publicKeyText,
  signBundle,
  type TrustedSigner,
  verifyBundle,
} from '../policy/bundle.ts';
import { parsePolicyBytes } from '../policy/parse.ts';
import { check } from '../policy/prove.ts';
import { generateKeyPair } from '../tokens/key-pair.ts';
import { EXIT, faultLine, faultOf, type Io, paint, printJson } from './policy-io.ts';
import { readAtMost } from './read-file.ts';

/** Above what a bundle can be: a policy, with every character of it escaped, and some signatures. */
const MAX_BYTES = 16 * 1024 * 1024;

/** A file that cannot be used; the command ends with exit 2. */
class Unusable extends Error {
  readonly file: string;

  constructor(file: string, message: string) {
    super(message);
    this.file = file;
  }
}

/** Runs a command; what is unusable is reported. */
function guarded(io: Io, json: boolean, run: () => void): void {
  try {
    run();
  } catch (error) {
    if (!(error instanceof Unusable)) throw error;
    const { file, message } = error;
    if (json) printJson(io, { exit: EXIT.notPolicy, file, message });
    else io.out(faultLine(faultOf(file, 'unusable', message)));
    io.exit(EXIT.notPolicy);
  }
}

/** `policy keygen FILE`: a signer's key pair; the private half to FILE (never overwritten), the public half to stdout. */
export function runKeygen(io: Io, file: string, { json }: { json: boolean }): void {
  guarded(io, json, () => {
    const { privateKey, publicKey } = generateKeyPair();
    const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
    write(file, pem, { mode: 0o600, flag: 'wx' });
    const key = publicKeyText(publicKey);
    if (json) printJson(io, { exit: EXIT.ok, file, key });
    else io.out(`${key}\n`);
    io.exit(EXIT.ok);
  });
}

export interface SignOptions {
  readonly key: string;
  readonly over: 'constitution' | 'document' | 'both';
  readonly out?: string;
  readonly json: boolean;
}

/** `policy sign FILE --key KEY`: adds a signature to a bundle, or makes one of a policy. Refuses what fails `check`. */
export function runSign(io: Io, file: string, { key, over, out, json }: SignOptions): void {
  guarded(io, json, () => {
    const bytes = read(file);
    const pem = new TextDecoder().decode(read(key));
    const given = parseBundle(bytes);
    const parsed = parsePolicyBytes(given === null ? bytes : new TextEncoder().encode(given.policy), file);
    const findings = parsed.ok ? violationsOf(parsed) : parsed.faults;
    if (!parsed.ok || findings.length > 0) {
      const exit = parsed.ok ? EXIT.violation : EXIT.notPolicy;
      if (json) printJson(io, { exit, status: parsed.ok ? 'violated' : 'not-a-policy', findings });
      else for (const finding of findings) io.out(faultLine(finding));
      io.exit(exit);
      return;
    }
    if (given !== null && given.version !== parsed.policy.version) {
      const of = `the bundle says version ${given.version}, and its document ${parsed.policy.version}`;
      throw new Unusable(file, `${of}: sign the document anew`);
    }
    const start = given ?? { version: parsed.policy.version, policy: new TextDecoder().decode(bytes) };
    const bundle = signedWith(key, pem, start, over === 'both' ? ['constitution', 'document'] : [over]);
    if (out === undefined) io.out(printBundle(bundle));
    else {
      write(out, printBundle(bundle), {});
      const signatures = bundle.signatures.map((s) => ({ key: s.key, over: s.over }));
      if (json) printJson(io, { exit: EXIT.ok, out, version: bundle.version, signatures });
      else for (const s of signatures) io.err(`${out}: ${s.over} signed by ${s.key}\n`);
    }
    io.exit(EXIT.ok);
  });
}

function signedWith(
  file: string,
  pem: string,
  start: Parameters<typeof signBundle>[0],
  parts: Over[],
): Bundle {
  try {
    return signBundle(start, pem, parts);
  } catch (error) {
    throw new Unusable(file, `cannot sign: ${reason(error)}`);
  }
}

function violationsOf(parsed: Extract<ReturnType<typeof parsePolicyBytes>, { ok: true }>) {
  const proof = check(parsed);
  return proof.holds ? [] : proof.violations;
}

export interface VerifyOptions {
  /** `[NAME=]ed25519:…`, each a signer of both parts. */
  readonly signer: readonly string[];
  readonly cloud?: string;
  /** The version has to be above this one. */
  readonly above?: string;
  readonly json: boolean;
}

/** `policy verify BUNDLE --signer KEY…`: as a node would judge it (exit 0 good, 1 refused, 2 unreadable). */
export function runVerify(io: Io, file: string, options: VerifyOptions, now: number): void {
  guarded(io, options.json, () => {
    const bytes = read(file);
    const signers = options.signer.map(parseSigner);
    const cloud = options.cloud ?? cloudOf(bytes, file);
    const above = options.above ?? '0';
    const floor = Number(above);
    if (!/^\d+$/.test(above) || !Number.isSafeInteger(floor)) throw new Unusable('--above', 'not a version');
    const judged = verifyBundle(bytes, { cloud, signers, highest: null, now, file });
    const result =
      judged.ok && judged.policy.version <= floor ? tooOld(judged.policy.version, floor) : judged;
    if (result.ok) {
      const { policy, digest, constitution, document } = result;
      if (options.json)
        printJson(io, { exit: EXIT.ok, cloud, version: policy.version, digest, constitution, document });
      else {
        io.out(`${file}: ${paint(io, 'green', 'good')}: ${cloud} ${policy.version}, ${digest}\n`);
        io.out(
          `  constitution signed by ${constitution.join(', ')}; document signed by ${document.join(', ')}\n`,
        );
      }
    } else if (options.json)
      printJson(io, { exit: EXIT.violation, code: result.code, message: result.message });
    else io.out(`${file}: ${paint(io, 'red', 'refused')}: ${result.code}: ${result.message}\n`);
    io.exit(result.ok ? EXIT.ok : EXIT.violation);
  });
}

function tooOld(version: number, floor: number): Extract<BundleResult, { ok: false }> {
  const message = `version ${version} is not above ${floor}`;
  return { ok: false, code: 'bundle_old_version', message, signedVersion: version };
}

/** Without `--cloud` the bundle's own: the command then judges the signatures, not where the bundle belongs. */
function cloudOf(bytes: Uint8Array, file: string): string {
  const bundle = parseBundle(bytes);
  const parsed = bundle === null ? null : parsePolicyBytes(new TextEncoder().encode(bundle.policy), file);
  return parsed?.ok === true ? parsed.policy.cloud : '';
}

function parseSigner(text: string): TrustedSigner {
  const split = text.lastIndexOf('=', text.indexOf('ed25519:'));
  const key = text.slice(split + 1);
  if (parsePublicKey(key) === null) throw new Unusable(text, 'a signer is [NAME=]ed25519:<43 characters>');
  return { name: split < 1 ? key : text.slice(0, split), key, over: ['constitution', 'document'] };
}

function read(file: string): Uint8Array {
  let bytes: Uint8Array | null;
  try {
    bytes = readAtMost(file, MAX_BYTES);
  } catch (error) {
    throw new Unusable(file, `cannot be read: ${reason(error)}`);
  }
  if (bytes === null) throw new Unusable(file, `larger than ${MAX_BYTES} bytes`);
  return bytes;
}

function write(file: string, text: string, options: { mode?: number; flag?: string }): void {
  try {
    writeFileSync(file, text, options);
  } catch (error) {
    throw new Unusable(file, `cannot be written: ${reason(error)}`);
  }
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : 'unknown';
}
