import { WatershedError } from '../protocol/errors.ts';
import type { NodeRecord, Registry } from './port.ts';

interface Lease {
  readonly record: NodeRecord;
  /** On the store's clock, in ms. */
  readonly endsAt: number;
}

/**
 * What registries of one process share: the embedded registry of a standalone node, and several nodes of a test.
 * `now` is a monotonic clock in ms; leases are judged by it alone, so setting the wall clock ends none.
 */
export class MemoryStore {
  readonly #now: () => number;
  readonly #leases = new Map<string, Lease>();

  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  put(record: NodeRecord, leaseMs: number): void {
    this.#leases.set(record.id, { record, endsAt: this.#now() + leaseMs });
  }

  remove(nodeId: string): void {
    this.#leases.delete(nodeId);
  }

  /** Records whose lease runs, by id; ended leases are forgotten on the way. */
  live(): NodeRecord[] {
    const now = this.#now();
    for (const [id, lease] of this.#leases) if (lease.endsAt <= now) this.#leases.delete(id);
    return [...this.#leases.values()]
      .map((lease) => lease.record)
      .sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  }
}

/** The registry in memory: for a standalone node and for tests. Forgets everything with its store. */
export class MemoryRegistry implements Registry {
  readonly #store: MemoryStore;
  #closed = false;

  constructor(store: MemoryStore = new MemoryStore()) {
    this.#store = store;
  }

  async announce(record: NodeRecord, leaseMs: number): Promise<void> {
    this.#assertOpen();
    if (!Number.isFinite(leaseMs) || leaseMs <= 0) throw new RangeError('leaseMs must be above 0');
    // A copy: what the announcer does with its object afterwards is not announced.
    this.#store.put(Object.freeze({ ...record }), leaseMs);
  }

  async withdraw(nodeId: string): Promise<void> {
    this.#assertOpen();
    this.#store.remove(nodeId);
  }

  async nodes(): Promise<readonly NodeRecord[]> {
    this.#assertOpen();
    return this.#store.live();
  }

  /** Leaves the store as it is, as a lost connection would: leases end by themselves. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
  }

  #assertOpen(): void {
    if (this.#closed) throw new WatershedError('registry_unavailable');
  }
}
