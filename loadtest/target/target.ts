import type { Policy } from '../../src/policy/model.ts';
import type { TokenIssuer } from '../../src/tokens/issue.ts';

export interface TargetNode {
  readonly id: string;
  readonly datacenter: string;
  readonly region: string;
  /** `ws://HOST:PORT` or `wss://…`, without a path. */
  readonly url: string;
  /** Its process, where it runs on this machine. */
  readonly pid: number | null;
}

/** What a run is made against. Whoever started it ends it. */
export interface Target {
  readonly kind: 'cluster' | 'url';
  readonly nodes: readonly TargetNode[];
  /** URL of the cluster's Redis; null where it is not ours. */
  readonly redis: string | null;
  /** Signs the participants' join tokens. */
  readonly issuer: TokenIssuer;
  /** What may be, by the policy's file; null where none is known, and then nobody can say what is forbidden. */
  readonly policy: Policy | null;
  /** Whether its nodes take the run's loopback addresses for evidence of a country: only then they forbid anything. */
  readonly judgesLoopback: boolean;
  /** What a reader of the figures should know of it. */
  readonly notes: readonly string[];
  /** Ends what was started for it; idempotent. */
  close(): Promise<void>;
}

/** A target that cannot be used: the message says what to do. */
export class TargetError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'TargetError';
  }
}

/** `http:` for `ws:`, `https:` for `wss:`. */
export function httpOf(url: string): string {
  return url.replace(/^ws/, 'http').replace(/\/$/, '');
}
