/**
 * What a node needs to know of the other nodes of its cloud. Two adapters implement it (memory, Redis) and one
 * contract suite tests both. It is trusted for liveness and load, never for safety: whoever can write to it can
 * at worst make a join fail.
 */
export interface Registry {
  /**
   * Writes this node's record and its lease. Repeated as a heartbeat; the record disappears `leaseMs` after the
   * last one. Rejects with `registry_unavailable` when the registry cannot be reached.
   */
  announce(record: NodeRecord, leaseMs: number): Promise<void>;
  /** Removes this node's record at once (drain, shutdown). */
  withdraw(nodeId: string): Promise<void>;
  /** Every node whose lease runs. */
  nodes(): Promise<readonly NodeRecord[]>;
  close(): Promise<void>;
}

export type NodeState = 'starting' | 'ready' | 'draining';

export interface NodeRecord {
  readonly id: string;
  readonly datacenter: string;
  /** WebSocket base URL that clients use, without a path. */
  readonly url: string;
  readonly state: NodeState;
  /** 0 (idle) to 1 (full). */
  readonly load: number;
  /** Room for one more room. */
  readonly accepting: boolean;
  /** Digest of the policy that the node runs. */
  readonly policy: string;
  readonly version: string;
}
