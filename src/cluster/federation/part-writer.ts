import type { NodeRef, Registry, RoomHost, RoomKey, RoomRecord } from '../../registry/port.ts';

/** Between two tries while the registry cannot be reached, in ms. */
const RETRY_MS = [200, 500, 1000, 2000];
/** Times that a claim is decided anew because the room changed meanwhile. */
const CLAIMS = 10;

/** What is to stand in the registry of this node: null when nobody has a place here. */
export type ReadPart = () => { host: RoomHost; regions: readonly string[] | null } | null;

export interface PartWriterDeps {
  readonly registry: Registry;
  readonly key: RoomKey;
  readonly node: NodeRef;
  readonly read: ReadPart;
  /** Told of each record that comes back: others may have come. */
  readonly onRecord: (record: RoomRecord) => void;
}

/** This node's part of a room in the registry: claimed for a newcomer, and stated again whenever it has changed. */
export class PartWriter {
  readonly #deps: PartWriterDeps;
  #record: RoomRecord | null = null;
  /** The highest epoch seen: a record below it was forgotten by the registry and written anew. */
  #seenEpoch = 0;
  /** What stands there of this node, as far as it knows: empty for nothing, null where that may have changed. */
  #written: string | null = '';
  #stating: Promise<void> | null = null;
  #stateAgain = false;
  #closed = false;

  constructor(deps: PartWriterDeps) {
    this.#deps = deps;
  }

  /** The record as it was read last; null before the first. */
  get record(): RoomRecord | null {
    return this.#record;
  }

  /**
   * Decides on the record and claims, again and again while others change it in between. `decide` says whether
   * to claim (true) or has decided against (false). Resolves with what it said. Rejects with
   * `registry_unavailable`, also when the room never stands still.
   */
  async claim(decide: (record: RoomRecord) => Promise<boolean>): Promise<boolean> {
    const { registry, key } = this.#deps;
    let record = this.#record ?? (await this.#read());
    for (let n = 0; n < CLAIMS; n += 1) {
      if (!(await decide(record))) return false;
      const part = this.#deps.read();
      if (part === null) return false;
      const outcome = await registry.claimRoom(key, { ...part, epoch: record.epoch });
      record = this.#seen(outcome.record);
      if (outcome.claimed) {
        this.#written = JSON.stringify(part);
        return true;
      }
      // A record that went back was forgotten and made anew: say so before claiming on it.
      if (record.epoch < this.#seenEpoch) record = await this.#restate(part);
    }
    throw Object.assign(new Error('the room changes too fast'), { code: 'registry_unavailable' });
  }

  /** Writes this node's part, soon, if it is not what stands there; keeps trying while the registry is away. */
  state(force = false): void {
    if (force) this.#written = null;
    this.#stateAgain = true;
    this.#stating ??= this.#run().finally(() => {
      this.#stating = null;
    });
  }

  /** Withdraws the part. The record's own lifetime ends what cannot be withdrawn now. Idempotent. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    void (this.#stating ?? Promise.resolve())
      .then(() => (this.#written === '' ? undefined : this.#withdraw()))
      .catch(() => undefined);
  }

  async #run(): Promise<void> {
    for (let n = 0; this.#stateAgain && !this.#closed; ) {
      this.#stateAgain = false;
      try {
        const part = this.#deps.read();
        if (this.#written === (part === null ? '' : JSON.stringify(part))) continue;
        if (part === null) await this.#withdraw();
        else await this.#restate(part);
        n = 0;
      } catch {
        this.#stateAgain = true;
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS[Math.min(n, RETRY_MS.length - 1)]));
        n += 1;
      }
    }
  }

  async #restate(part: { host: RoomHost; regions: readonly string[] | null }): Promise<RoomRecord> {
    const { registry, key, node } = this.#deps;
    const record = await registry.restateRoom(key, { node, ...part, seenEpoch: this.#seenEpoch });
    this.#written = JSON.stringify(part);
    return this.#seen(record);
  }

  async #withdraw(): Promise<void> {
    const { registry, key, node } = this.#deps;
    await registry.restateRoom(key, { node, host: null, regions: null, seenEpoch: this.#seenEpoch });
    this.#written = '';
    // What others do from now on is not known here.
    this.#record = null;
  }

  async #read(): Promise<RoomRecord> {
    return this.#seen(await this.#deps.registry.room(this.#deps.key));
  }

  #seen(record: RoomRecord): RoomRecord {
    this.#record = record;
    this.#seenEpoch = Math.max(this.#seenEpoch, record.epoch);
    this.#deps.onRecord(record);
    return record;
  }

  /** Reads the record afresh, for nodes that were not met yet. */
  refresh(): Promise<RoomRecord> {
    return this.#read();
  }
}
