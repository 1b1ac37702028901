import { createHash } from 'node:crypto';
import type { TrustedSigner } from '../policy/bundle.ts';
import type { CompiledPolicy } from '../policy/compile.ts';
import { MAX_BUNDLE_BYTES } from '../registry/port.ts';
import { type JudgeBundle, type Judgement, judgeInWorker } from './policy-judge.ts';
import {
  type NodePolicy,
  type Offered,
  type PolicyEvent,
  type PolicySource,
  type PolicyStatus,
  SwitchListeners,
} from './policy-port.ts';
import { PolicyState } from './policy-state.ts';
import { WatchedFile } from './watched-file.ts';

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
  readonly onEvent: (event: PolicyEvent) => void;
  readonly judge?: JudgeBundle;
}

/** Offers that may wait to be judged; each costs a thread. The operator's file always waits. */
const MAX_WAITING = 8;
/** Refused bundles that are remembered, so that one that is offered again and again is judged once. */
const MAX_REMEMBERED = 32;
/** Refusals that the same bytes may not meet again: a clock is set right, a machine is less busy. */
const TRANSIENT: ReadonlySet<string> = new Set(['bundle_expired', 'bundle_not_judged']);

/**
 * Keeps the node's policy: takes bundles from wherever they come, runs only what it verified and proved itself,
 * goes on with the last good one, and never runs a version lower than the highest it ever ran.
 */
export class PolicyKeeper implements NodePolicy {
  readonly #options: PolicyKeeperOptions;
  readonly #state: PolicyState;
  readonly #file: WatchedFile | null;
  readonly #listeners = new SwitchListeners();
  #running: CompiledPolicy | null = null;
  #bundle: Uint8Array | null = null;
  #refused: PolicyStatus['refused'] = null;
  /** Why there is no policy, while there is none. */
  #missing = 'no policy yet';
  /** Offers are judged one after another. */
  #queue: Promise<unknown> = Promise.resolve();
  #waiting = 0;
  /** Digest of refused bytes to the code, where what was refused once stays so: versions only rise. */
  readonly #remembered = new Map<string, string>();
  readonly #closing = new AbortController();

  private constructor(options: PolicyKeeperOptions, state: PolicyState) {
    this.#options = options;
    this.#state = state;
    this.#file = options.file === null ? null : new WatchedFile(options.file, MAX_BUNDLE_BYTES);
  }

  /**
   * Starts with what the directory kept, and then the operator's file. Resolves without a policy too: then the node
   * admits nobody, and says why. Rejects where the directory cannot be used, since then no version can be kept.
   */
  static async start(options: PolicyKeeperOptions): Promise<PolicyKeeper> {
    const keeper = new PolicyKeeper(options, await PolicyState.open(options.directory));
    const kept = await keeper.#state.bundle();
    if (kept !== null) await keeper.offer(kept, 'disk');
    await keeper.reload();
    keeper.#file?.watch(() => keeper.reload(), options.pollMs);
    return keeper;
  }

  get cloud(): string {
    return this.#options.cloud;
  }

  running(): CompiledPolicy | null {
    return this.#running;
  }

  current(): CompiledPolicy | null {
    return this.#state.shown === null ? this.#running : null;
  }

  bundle(): Uint8Array | null {
    return this.#bundle;
  }

  status(): PolicyStatus {
    const running = this.#running && { version: this.#running.policy.version, digest: this.#running.digest };
    return { running, problem: this.#problem(), refused: this.#refused };
  }

  #problem(): string | null {
    const { shown } = this.#state;
    if (shown !== null) return `version ${shown} is signed and does not run here`;
    return this.#running === null ? this.#missing : null;
  }

  onSwitch(listener: (policy: CompiledPolicy) => Promise<void> | void): () => void {
    return this.#listeners.add(listener);
  }

  async reload(): Promise<Offered> {
    if (this.#file === null) return { kind: 'unchanged' };
    let bytes: Uint8Array | null;
    try {
      bytes = await this.#file.read();
    } catch (error) {
      return this.#refuse('file', 'bundle_unreadable', error instanceof Error ? error.message : 'unknown');
    }
    // A file that is taken away takes no policy away.
    return bytes === null ? { kind: 'unchanged' } : this.offer(bytes, 'file');
  }

  offer(bytes: Uint8Array, from: PolicySource): Promise<Offered> {
    if (bytes.length > MAX_BUNDLE_BYTES) {
      return Promise.resolve(this.#refuse(from, 'bundle_too_large', `${bytes.length} bytes`));
    }
    if (this.#waiting >= MAX_WAITING && from !== 'file') {
      return Promise.resolve(this.#refuse(from, 'bundle_not_judged', 'too many bundles wait to be judged'));
    }
    this.#waiting += 1;
    const offered = this.#queue
      .then(() => this.#take(bytes, from))
      .finally(() => {
        this.#waiting -= 1;
      });
    this.#queue = offered.catch(() => undefined);
    return offered;
  }

  async close(): Promise<void> {
    this.#file?.close();
    this.#closing.abort();
    await this.#queue;
  }

  async #take(bytes: Uint8Array, from: PolicySource): Promise<Offered> {
    if (this.#bundle !== null && Buffer.compare(this.#bundle, bytes) === 0) return this.#unchanged(from);
    const id = createHash('sha256').update(bytes).digest('hex');
    const before = this.#remembered.get(id);
    if (before !== undefined) {
      this.#refused = { from, code: before };
      return { kind: 'refused', code: before };
    }
    const { cloud, signers, now } = this.#options;
    const question = { cloud, signers, highest: this.#state.highest, now: now(), file: from };
    const judgement = await (this.#options.judge ?? judgeInWorker)(bytes, question, this.#closing.signal);
    try {
      if (judgement.ok) return await this.#run(bytes, from, judgement);
      if (!TRANSIENT.has(judgement.code)) this.#remember(id, judgement.code);
      if (judgement.signedVersion !== null) await this.#state.show(judgement.signedVersion);
      return this.#refuse(from, judgement.code, judgement.message);
    } catch (error) {
      return this.#refuse(from, 'bundle_not_kept', error instanceof Error ? error.message : 'unknown');
    }
  }

  async #run(
    bytes: Uint8Array,
    from: PolicySource,
    { compiled, constitution, document }: Extract<Judgement, { ok: true }>,
  ): Promise<Offered> {
    const { digest, policy } = compiled;
    if (this.#running?.digest === digest) return this.#unchanged(from);
    // On disk before in force: a node that dies in between runs it at its next start, and nothing lower ever.
    await this.#state.keep(bytes, { version: policy.version, digest });
    this.#running = compiled;
    this.#bundle = bytes;
    this.#refused = null;
    const names = [...new Set([...constitution, ...document])];
    this.#options.onEvent({ kind: 'switched', from, version: policy.version, digest, signers: names });
    // Not waited for: the next switch may not wait until everyone was told about this one.
    void this.#listeners.tell(compiled, (error) => this.#options.onEvent({ kind: 'failed', error }));
    return { kind: 'switched' };
  }

  /** The operator's file is as it should be again; what others send says nothing of that. */
  #unchanged(from: PolicySource): Offered {
    if (this.#refused?.from === from) this.#refused = null;
    return { kind: 'unchanged' };
  }

  #refuse(from: PolicySource, code: string, message: string): Offered {
    this.#refused = { from, code };
    if (this.#running === null) this.#missing = `no policy: the one from the ${from} was refused: ${code}`;
    this.#options.onEvent({ kind: 'refused', from, code, message });
    return { kind: 'refused', code };
  }

  #remember(id: string, code: string): void {
    this.#remembered.set(id, code);
    const [oldest] = this.#remembered.keys();
    if (this.#remembered.size > MAX_REMEMBERED && oldest !== undefined) this.#remembered.delete(oldest);
  }
}
