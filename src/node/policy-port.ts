import type { CompiledPolicy } from '../policy/compile.ts';

/** Where a policy was had from. None of them is trusted: the signatures are. */
export const POLICY_SOURCES = ['disk', 'file', 'registry', 'link'] as const;
export type PolicySource = (typeof POLICY_SOURCES)[number];

/** For the log, and a metric by source and code. */
export type PolicyEvent =
  | {
      readonly kind: 'switched';
      readonly from: PolicySource;
      readonly version: number;
      readonly digest: string;
      /** Names of the trust roots that signed; none of a plain file. */
      readonly signers: readonly string[];
    }
  | {
      readonly kind: 'refused';
      readonly from: PolicySource;
      readonly code: string;
      readonly message: string;
    }
  /** A listener failed after a switch: what the new policy forbids may still be open. An alarm. */
  | { readonly kind: 'failed'; readonly error: unknown };

export interface PolicyStatus {
  /** The policy that runs, also where it admits nobody new; null before the first. */
  readonly running: { readonly version: number; readonly digest: string } | null;
  /** Why nobody new is admitted; null when it is fine. The node is not ready while there is one. */
  readonly problem: string | null;
  /** The last offer, where it was refused and the last good policy goes on. No reason to be unready. */
  readonly refused: { readonly from: PolicySource; readonly code: string } | null;
}

export type Offered =
  | { readonly kind: 'switched' | 'unchanged' }
  | { readonly kind: 'refused'; readonly code: string };

/** The policy of a node, wherever it comes from. */
export interface NodePolicy {
  /** The node's own cloud. */
  readonly cloud: string;
  /** By which everything that goes on is judged; null before the first, and then nothing is allowed. */
  running(): CompiledPolicy | null;
  /**
   * By which anything new may be admitted or piped; null where nothing may: there is no policy, or a validly signed
   * higher version was shown that does not run here.
   */
  current(): CompiledPolicy | null;
  status(): PolicyStatus;
  /** The bytes of the bundle that runs, for whoever lags behind; null where it is no bundle. */
  bundle(): Uint8Array | null;
  /** Judges a bundle, from the registry or over a link, and runs it if it is good and newer. Never throws for what is in it. */
  offer(bytes: Uint8Array, from: PolicySource): Promise<Offered>;
  /** Reads the operator's file again (SIGHUP). */
  reload(): Promise<Offered>;
  /**
   * Calls back after each switch, with the new policy in force. The next switch does not wait for a listener: each
   * is to judge by the policy of the moment. Returns what stops it.
   */
  onSwitch(listener: (policy: CompiledPolicy) => Promise<void> | void): () => void;
  /** Stops looking at the file; what is under way is finished. */
  close(): Promise<void>;
}

/** Those who are told of a switch. Everyone is called before anyone is waited for. */
export class SwitchListeners {
  readonly #listeners = new Set<(policy: CompiledPolicy) => Promise<void> | void>();

  add(listener: (policy: CompiledPolicy) => Promise<void> | void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  /** Resolves once all are done; failures are the caller's to report. */
  async tell(policy: CompiledPolicy, onFailure: (error: unknown) => void): Promise<void> {
    const calls = [...this.#listeners].map(async (listener) => listener(policy));
    for (const outcome of await Promise.allSettled(calls)) {
      if (outcome.status === 'rejected') onFailure(outcome.reason);
    }
  }
}
