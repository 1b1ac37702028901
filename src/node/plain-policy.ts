import type { CompiledPolicy } from '../policy/compile.ts';
import { compilePolicy } from '../policy/compile.ts';
import type { Fault } from '../policy/model.ts';
import { parsePolicyBytes } from '../policy/parse.ts';
import { check } from '../policy/prove.ts';
import {
  type NodePolicy,
  type Offered,
  type PolicyEvent,
  type PolicyStatus,
  SwitchListeners,
} from './policy-port.ts';
import { WatchedFile } from './watched-file.ts';

export interface PlainPolicyOptions {
  readonly file: string;
  /** The cloud that the policy has to be of; null for whichever it names. */
  readonly cloud: string | null;
  /** How often the file is looked at, in ms; 0 for never. */
  readonly pollMs?: number;
  readonly onEvent: (event: PolicyEvent) => void;
}

/** Four times the text that a policy may have. */
const MAX_BYTES = 8 * 1024 * 1024;

/**
 * A policy that nobody signed, for development: read at start, on SIGHUP and when it changes. One that is refused
 * leaves the last good one running. Versions may go back and forth.
 */
export class PlainPolicy implements NodePolicy {
  readonly cloud: string;
  readonly #options: PlainPolicyOptions;
  readonly #file: WatchedFile;
  readonly #listeners = new SwitchListeners();
  #running: CompiledPolicy;
  #refused: PolicyStatus['refused'] = null;
  #queue: Promise<unknown> = Promise.resolve();

  private constructor(options: PlainPolicyOptions, file: WatchedFile, policy: CompiledPolicy) {
    this.cloud = policy.policy.cloud;
    this.#options = options;
    this.#file = file;
    this.#running = policy;
  }

  /**
   * Proves (T1) and compiles what the file holds. Rejects with every fault or violation, each at its
   * `FILE:LINE:COL`: a node never runs a policy that `watershed policy check` refuses.
   */
  static async start(options: PlainPolicyOptions): Promise<PlainPolicy> {
    const file = new WatchedFile(options.file, MAX_BYTES);
    const read = await readProved(file, options.cloud);
    if (!read.ok) {
      throw new Error(
        `the policy ${read.message}, so this node admits nobody and does not start${read.details}`,
      );
    }
    const plain = new PlainPolicy(options, file, read.policy);
    file.watch(() => plain.reload(), options.pollMs);
    return plain;
  }

  running(): CompiledPolicy {
    return this.#running;
  }

  current(): CompiledPolicy {
    return this.#running;
  }

  status(): PolicyStatus {
    const { digest, policy } = this.#running;
    return { running: { version: policy.version, digest }, problem: null, refused: this.#refused };
  }

  bundle(): null {
    return null;
  }

  /** Nobody's signature is trusted here. */
  async offer(): Promise<Offered> {
    return { kind: 'refused', code: 'bundle_unknown_key' };
  }

  reload(): Promise<Offered> {
    const reloaded = this.#queue.then(() => this.#reload());
    this.#queue = reloaded.catch(() => undefined);
    return reloaded;
  }

  async #reload(): Promise<Offered> {
    const { onEvent } = this.#options;
    const read = await readProved(this.#file, this.cloud);
    if (!read.ok) {
      const { code, message, details } = read;
      this.#refused = { from: 'file', code };
      onEvent({ kind: 'refused', from: 'file', code, message: `the policy ${message}${details}` });
      return { kind: 'refused', code };
    }
    this.#refused = null;
    const { digest, policy } = read.policy;
    if (digest === this.#running.digest) return { kind: 'unchanged' };
    this.#running = read.policy;
    onEvent({ kind: 'switched', from: 'file', version: policy.version, digest, signers: [] });
    void this.#listeners.tell(read.policy, (error) => onEvent({ kind: 'failed', error }));
    return { kind: 'switched' };
  }

  onSwitch(listener: (policy: CompiledPolicy) => Promise<void> | void): () => void {
    return this.#listeners.add(listener);
  }

  async close(): Promise<void> {
    this.#file.close();
    await this.#queue;
  }
}

type Proved =
  | { readonly ok: true; readonly policy: CompiledPolicy }
  | { readonly ok: false; readonly code: string; readonly message: string; readonly details: string };

/** Never rejects. */
async function readProved(file: WatchedFile, cloud: string | null): Promise<Proved> {
  let bytes: Uint8Array | null;
  try {
    bytes = await file.read();
  } catch (error) {
    return unreadable(file, error instanceof Error ? error.message : 'unknown');
  }
  if (bytes === null) return unreadable(file, 'there is no such file');
  const parsed = parsePolicyBytes(bytes, file.path);
  if (!parsed.ok) return refused('policy_malformed', 'is not a policy', parsed.faults);
  const proof = check(parsed);
  if (!proof.holds) return refused('policy_fails_check', 'fails its check', proof.violations);
  if (cloud !== null && parsed.policy.cloud !== cloud) {
    const message = `is of the cloud ${parsed.policy.cloud}, and this node is of ${cloud}`;
    return { ok: false, code: 'policy_other_cloud', message, details: '' };
  }
  return { ok: true, policy: compilePolicy(parsed.policy) };
}

function unreadable({ path }: WatchedFile, why: string): Proved {
  return {
    ok: false,
    code: 'policy_unreadable',
    message: `file ${path} cannot be read (${why})`,
    details: '',
  };
}

function refused(code: string, message: string, faults: readonly Fault[]): Proved {
  const lines = faults.map((f) => `\n  ${f.file}:${f.line}:${f.column} ${f.message}`);
  return { ok: false, code, message, details: lines.join('') };
}
