import { mkdir, open, readFile, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import type { TrustedSigner } from '../policy/bundle.ts';
import type { CompiledPolicy } from '../policy/compile.ts';
import { type JudgeBundle, type Judgement, judgeInWorker } from './policy-judge.ts';

/** Where a bundle was had from. None of them is trusted: the signatures are. */
export type BundleSource = 'disk' | 'file' | 'registry' | 'link';

export interface PolicyKeeperOptions {
  readonly cloud: string;
  /** Trust roots, from the node's own configuration. */
  readonly signers: readonly TrustedSigner[];
  /** Directory that this node alone writes: the last good bundle and the highest version that ever ran. */
  readonly directory: string;
  /** A bundle that an operator puts there and replaces; read at start, on `reload` and when it changes. */
  readonly file: string | null;
  /** How often `file` is looked at, in ms; 0 for never. */
  readonly pollMs?: number;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Called after a switch, with the new policy in force: judge running sessions again, forbidden legs first. */
  readonly onSwitch: (policy: CompiledPolicy) => Promise<void> | void;
  readonly onEvent: (event: PolicyEvent) => void;
  readonly judge?: JudgeBundle;
}

/** For the log, and a metric by `code`. */
export type PolicyEvent =
  | {
      readonly kind: 'switched';
      readonly from: BundleSource;
      readonly version: number;
      readonly digest: string;
      readonly signers: readonly string[];
    }
  | {
      readonly kind: 'refused';
      readonly from: BundleSource;
      readonly code: string;
      readonly message: string;
    };

export interface PolicyStatus {
  /** The policy that runs, also where it admits nobody new; null before the first. */
  readonly running: { readonly version: number; readonly digest: string } | null;
  /** Why the newest bundle is not in force; null when it is. Not ready while there is one. */
  readonly problem: string | null;
}

export type Offered =
  | { readonly kind: 'switched' | 'unchanged' }
  | { readonly kind: 'refused'; readonly code: string };

const highestSchema = z.strictObject({ version: z.int().min(1), digest: z.string() });
type Highest = z.infer<typeof highestSchema>;

/**
 * Keeps the node's policy: takes bundles from wherever they come, runs only what it verified and proved itself,
 * goes on with the last good one, and never runs a version lower than the highest it ever ran.
 */
export class PolicyKeeper {
  readonly #options: PolicyKeeperOptions;
  readonly #judge: JudgeBundle;
  #running: CompiledPolicy | null = null;
  #highest: Highest | null = null;
  /** Of a validly signed bundle that this node cannot run. */
  #ahead: number | null = null;
  #problem: string | null = 'no policy yet';
  /** Offers are judged one after another. */
  #queue: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | null = null;
  #seen = '';

  private constructor(options: PolicyKeeperOptions) {
    this.#options = options;
    this.#judge = options.judge ?? judgeInWorker;
  }

  /**
   * Starts with what the directory kept, and then the operator's file. Resolves without a policy too: then the node
   * admits nobody, and says why. Rejects where the directory cannot be used, since then no version can be kept.
   */
  static async start(options: PolicyKeeperOptions): Promise<PolicyKeeper> {
    const keeper = new PolicyKeeper(options);
    await mkdir(options.directory, { recursive: true, mode: 0o700 });
    keeper.#highest = await readHighest(keeper.#path('highest.json'));
    const kept = await readIfThere(keeper.#path('policy.bundle'));
    if (kept !== null) await keeper.offer(kept, 'disk');
    await keeper.reload();
    const { pollMs = 2000 } = options;
    if (options.file !== null && pollMs > 0) {
      keeper.#timer = setInterval(() => void keeper.#poll(), pollMs);
      keeper.#timer.unref();
    }
    return keeper;
  }

  /**
   * The policy to decide by; null admits nobody: there is none, or a validly signed higher version has been seen
   * that this node does not run.
   */
  current(): CompiledPolicy | null {
    return this.#ahead === null ? this.#running : null;
  }

  status(): PolicyStatus {
    const running = this.#running && { version: this.#running.policy.version, digest: this.#running.digest };
    return { running, problem: this.#problem };
  }

  /** Reads the operator's file again (SIGHUP). A file that is not there is a problem only without a policy. */
  async reload(): Promise<Offered> {
    const { file } = this.#options;
    if (file === null) return { kind: 'unchanged' };
    this.#seen = await stampOf(file);
    let bytes: Uint8Array | null;
    try {
      bytes = await readIfThere(file);
    } catch (error) {
      bytes = null;
      this.#refuse('file', 'bundle_unreadable', error instanceof Error ? error.message : 'unknown');
    }
    return bytes === null ? { kind: 'unchanged' } : this.offer(bytes, 'file');
  }

  /** Judges a bundle, and runs it if it is good and newer. Never throws for what is in the bytes. */
  offer(bytes: Uint8Array, from: BundleSource): Promise<Offered> {
    const offered = this.#queue.then(() => this.#take(bytes, from));
    this.#queue = offered.catch(() => undefined);
    return offered;
  }

  /** Stops looking at the file; an offer under way is finished. */
  async close(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer);
    await this.#queue;
  }

  async #take(bytes: Uint8Array, from: BundleSource): Promise<Offered> {
    const { cloud, signers, now } = this.#options;
    const question = { cloud, signers, highest: this.#highest, now: now(), file: from };
    const judgement = await this.#judge(bytes, question);
    if (!judgement.ok) return this.#refused(judgement, from);
    const { compiled, constitution, document } = judgement;
    const { version } = compiled.policy;
    if (this.#running?.digest === compiled.digest) {
      this.#settle();
      return { kind: 'unchanged' };
    }
    // On disk before in force: a node that dies in between runs it at its next start, and nothing lower ever.
    await this.#write('policy.bundle', bytes);
    await this.#write(
      'highest.json',
      new TextEncoder().encode(JSON.stringify({ version, digest: compiled.digest })),
    );
    this.#highest = { version, digest: compiled.digest };
    this.#running = compiled;
    this.#settle();
    const names = [...new Set([...constitution, ...document])];
    this.#options.onEvent({ kind: 'switched', from, version, digest: compiled.digest, signers: names });
    await this.#options.onSwitch(compiled);
    return { kind: 'switched' };
  }

  #refused(judgement: Extract<Judgement, { ok: false }>, from: BundleSource): Offered {
    const { code, message, signedVersion } = judgement;
    if (signedVersion !== null && signedVersion > (this.#highest?.version ?? 0)) {
      this.#ahead = Math.max(signedVersion, this.#ahead ?? 0);
    }
    return this.#refuse(from, code, message);
  }

  #refuse(from: BundleSource, code: string, message: string): Offered {
    // What others send cannot make a node that runs a policy unready; nor can a file that lags behind them.
    const ours = (from === 'file' || from === 'disk') && code !== 'bundle_old_version';
    if (this.#ahead !== null)
      this.#problem = `a policy of version ${this.#ahead} is signed and does not run here: ${code}: ${message}`;
    else if (ours || this.#running === null) this.#problem = `${code}: ${message}`;
    this.#options.onEvent({ kind: 'refused', from, code, message });
    return { kind: 'refused', code };
  }

  #settle(): void {
    const version = this.#running?.policy.version ?? 0;
    if (this.#ahead !== null && this.#ahead > version) return;
    this.#ahead = null;
    this.#problem = null;
  }

  async #poll(): Promise<void> {
    const { file } = this.#options;
    if (file !== null && (await stampOf(file)) !== this.#seen) await this.reload();
  }

  #path(name: string): string {
    return join(this.#options.directory, name);
  }

  /** Whole or not at all, and on the disk before the name is. */
  async #write(name: string, bytes: Uint8Array): Promise<void> {
    const temporary = this.#path(`${name}.new`);
    const handle = await open(temporary, 'w', 0o600);
    try {
      await handle.writeFile(bytes);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, this.#path(name));
  }
}

/** Null before the first policy. Throws where the record is there and cannot be understood: it may not be forgotten. */
async function readHighest(path: string): Promise<Highest | null> {
  const bytes = await readIfThere(path);
  if (bytes === null) return null;
  try {
    return highestSchema.parse(JSON.parse(new TextDecoder().decode(bytes)));
  } catch (cause) {
    throw new Error(
      `${path} does not say which policy ran last: restore it, or remove it by a decision of two signers`,
      { cause },
    );
  }
}

async function readIfThere(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null;
    throw error;
  }
}

/** Changes when the file does. */
async function stampOf(path: string): Promise<string> {
  try {
    const { mtimeMs, size, ino } = await stat(path);
    return `${mtimeMs} ${size} ${ino}`;
  } catch {
    return '';
  }
}
