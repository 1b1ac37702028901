import { intersect } from '../policy/label.ts';
import { nodeKey } from '../policy/node-key.ts';
import { WatershedError } from '../protocol/errors.ts';
import {
  CALLS_MS,
  type Call,
  loadStep,
  MAX_CALLS,
  NODES_PER_DATACENTER,
  type NodeEntry,
  type NodeRef,
  nodeOfPart,
  type Registry,
  ROOM_RECORD_MS,
  type RoomChange,
  type RoomClaim,
  type RoomHost,
  type RoomKey,
  type RoomRecord,
} from './port.ts';

interface Leased<T> {
  readonly value: T;
  /** On the store's clock, in ms. */
  readonly endsAt: number;
}

const NO_ROOM: RoomRecord = { epoch: 0, hosts: [], regions: null };

/**
 * What registries of one process share: the embedded registry of a standalone node, and several nodes of a test.
 * `now` is a monotonic clock in ms; leases are judged by it alone, so setting the wall clock ends none.
 */
export class MemoryStore {
  readonly #now: () => number;
  readonly #roomMs: number;
  /** By datacenter, then by node. */
  readonly #nodes = new Map<string, Map<string, Leased<NodeEntry>>>();
  readonly #rooms = new Map<RoomKey, Leased<RoomRecord>>();
  /** By datacenter. */
  readonly #calls = new Map<string, Leased<readonly Call[]>>();
  bundle: Uint8Array | null = null;

  constructor(now: () => number = () => performance.now(), { roomMs = ROOM_RECORD_MS } = {}) {
    this.#now = now;
    this.#roomMs = roomMs;
  }

  put(entry: NodeEntry, leaseMs: number): void {
    const there = this.#nodes.get(entry.datacenter) ?? new Map<string, Leased<NodeEntry>>();
    there.set(entry.id, { value: entry, endsAt: this.#now() + leaseMs });
    this.#nodes.set(entry.datacenter, there);
  }

  calls(datacenter: string): readonly Call[] {
    const found = this.#calls.get(datacenter);
    return found === undefined || found.endsAt <= this.#now() ? [] : found.value;
  }

  call(datacenter: string, call: Call): void {
    const value = [call, ...this.calls(datacenter)].slice(0, MAX_CALLS);
    this.#calls.set(datacenter, { value, endsAt: this.#now() + CALLS_MS });
  }

  remove({ id, datacenter }: NodeRef): void {
    this.#nodes.get(datacenter)?.delete(id);
  }

  /** Entries whose lease runs; ended leases are forgotten on the way. */
  live(datacenter: string): NodeEntry[] {
    const there = this.#nodes.get(datacenter);
    if (there === undefined) return [];
    const now = this.#now();
    for (const [id, { endsAt }] of there) if (endsAt <= now) there.delete(id);
    return [...there.values()].map(({ value }) => value);
  }

  room(key: RoomKey): RoomRecord {
    const found = this.#rooms.get(key);
    if (found === undefined || found.endsAt > this.#now()) return found?.value ?? NO_ROOM;
    this.#rooms.delete(key);
    return NO_ROOM;
  }

  /** Puts a node's part in place, or takes it out; without any the room is forgotten. */
  writeRoom(
    key: RoomKey,
    change: Pick<RoomChange, 'node' | 'host' | 'regions'> & { epoch: number },
  ): RoomRecord {
    const { node, host, regions, epoch } = change;
    const before = this.room(key);
    const others = before.hosts.filter((other) => nodeKey(nodeOfPart(other)) !== nodeKey(node));
    const record: RoomRecord = {
      epoch,
      hosts: [...others, ...(host === null ? [] : [structuredClone(host)])].sort(byNode),
      regions: intersect(before.regions, regions),
    };
    if (record.hosts.length === 0) this.#rooms.delete(key);
    else this.#rooms.set(key, { value: record, endsAt: this.#now() + this.#roomMs });
    return record;
  }
}

/** The registry in memory: for a standalone node and for tests. Forgets everything with its store. */
export class MemoryRegistry implements Registry {
  readonly #store: MemoryStore;
  #closed = false;

  constructor(store: MemoryStore = new MemoryStore()) {
    this.#store = store;
  }

  async announce(entry: NodeEntry, leaseMs: number): Promise<readonly Call[]> {
    this.#assertOpen();
    if (!Number.isFinite(leaseMs) || leaseMs <= 0) throw new RangeError('leaseMs must be above 0');
    // A copy: what the announcer does with its object afterwards is not announced.
    this.#store.put(Object.freeze({ ...entry }), leaseMs);
    return this.#store.calls(entry.datacenter);
  }

  async call(datacenter: string, call: Call): Promise<void> {
    this.#assertOpen();
    this.#store.call(datacenter, call);
  }

  async withdraw(node: NodeRef): Promise<void> {
    this.#assertOpen();
    this.#store.remove(node);
  }

  async nodes(datacenters: readonly string[]): Promise<readonly NodeEntry[]> {
    this.#assertOpen();
    return [...new Set(datacenters)].flatMap((datacenter) =>
      this.#store
        .live(datacenter)
        .sort((a, b) => loadStep(a.load) - loadStep(b.load) || (a.id < b.id ? -1 : 1))
        .slice(0, NODES_PER_DATACENTER),
    );
  }

  async find(nodes: readonly NodeRef[]): Promise<readonly NodeEntry[]> {
    this.#assertOpen();
    return nodes.flatMap(
      ({ id, datacenter }) => this.#store.live(datacenter).find((entry) => entry.id === id) ?? [],
    );
  }

  async room(key: RoomKey): Promise<RoomRecord> {
    this.#assertOpen();
    return structuredClone(this.#store.room(key));
  }

  async claimRoom(key: RoomKey, claim: RoomClaim): Promise<{ claimed: boolean; record: RoomRecord }> {
    this.#assertOpen();
    // No pause between reading and writing: nobody comes between.
    const before = this.#store.room(key);
    if (before.epoch !== claim.epoch) return { claimed: false, record: structuredClone(before) };
    const { host, regions } = claim;
    const written = { node: nodeOfPart(host), host, regions, epoch: before.epoch + 1 };
    return { claimed: true, record: structuredClone(this.#store.writeRoom(key, written)) };
  }

  async restateRoom(key: RoomKey, { seenEpoch, ...change }: RoomChange): Promise<RoomRecord> {
    this.#assertOpen();
    const epoch = Math.max(this.#store.room(key).epoch, seenEpoch) + 1;
    return structuredClone(this.#store.writeRoom(key, { ...change, epoch }));
  }

  async bundle(): Promise<Uint8Array | null> {
    this.#assertOpen();
    return this.#store.bundle?.slice() ?? null;
  }

  async putBundle(bytes: Uint8Array): Promise<void> {
    this.#assertOpen();
    this.#store.bundle = bytes.slice();
  }

  /** It forgets nothing while there is anybody to tell. */
  onForgot(_listener: () => void): void {}

  async close(): Promise<void> {
    this.#closed = true;
  }

  #assertOpen(): void {
    if (this.#closed) throw new WatershedError('registry_unavailable');
  }
}

function byNode(a: RoomHost, b: RoomHost): number {
  return nodeKey(nodeOfPart(a)) < nodeKey(nodeOfPart(b)) ? -1 : 1;
}
