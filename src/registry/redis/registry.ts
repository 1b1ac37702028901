import { WatershedError } from '../../protocol/errors.ts';
import {
  CALL,
  CALLS_MS,
  type Call,
  loadStep,
  MAX_BUNDLE_BYTES,
  MAX_CALLS,
  NODES_PER_DATACENTER,
  type NodeEntry,
  type NodeRef,
  nodeOfPart,
  type Registry,
  ROOM_RECORD_MS,
  type RoomChange,
  type RoomClaim,
  type RoomKey,
  type RoomRecord,
} from '../port.ts';
import { MAX_BODY_BYTES } from './bounds.ts';
import { connectRedis, type RedisClient, type RedisPlace } from './client.ts';
import { CloudMark } from './cloud-mark.ts';
import { RedisKeys } from './keys.ts';
import { partField, readRoom, writePart, writeRegions } from './room-record.ts';
import { ANNOUNCE, CALL_NODES, CLAIM_ROOM, NODES, READ_ROOM, RESTATE_ROOM, type Script } from './scripts.ts';

export interface RedisRegistryOptions extends RedisPlace {
  readonly cloud: string;
  /** Of every command, in ms. */
  readonly commandMs?: number;
  readonly roomMs?: number;
  /** Told of trouble with the connection, each time: the registry goes on trying. */
  readonly onError?: (error: Error) => void;
  /** Told when somebody had made a room's record larger than any of ours, each time: what was too large went. */
  readonly onSpoilt?: () => void;
}

const COMMAND_MS = 1000;
const TOO_LARGE_THERE = 'what stands in the Redis there is larger than anything of ours';
/** Entries of a datacenter's index that one question looks at: dead ones leave on the way. */
const INDEX_LOOKS = 64;
/** An index outlives its nodes' leases by so much, so that only a place that is gone is forgotten. */
const INDEX_LEASES = 10;
const INDEX_LEAST_MS = 60_000;

/**
 * The registry in Redis: a single server, one behind Sentinel, or Redis Cluster. Leases are Redis's own expiry, so no
 * two clocks are compared. It uses only a Redis that is marked for its cloud.
 */
export class RedisRegistry implements Registry {
  readonly #client: RedisClient;
  readonly #keys: RedisKeys;
  readonly #mark: CloudMark;
  readonly #commandMs: number;
  readonly #roomMs: number;
  readonly #onSpoilt: RedisRegistryOptions['onSpoilt'];
  readonly #listeners: (() => void)[] = [];
  #wasReady = false;
  #closed = false;

  /** Connects in the background; a Redis that is not there yet is waited for as long as it takes. */
  constructor(options: RedisRegistryOptions) {
    this.#commandMs = options.commandMs ?? COMMAND_MS;
    this.#roomMs = options.roomMs ?? ROOM_RECORD_MS;
    this.#keys = new RedisKeys(options.cloud);
    this.#client = connectRedis(options, this.#commandMs);
    this.#mark = new CloudMark(
      options.cloud,
      async (mark) => String(await this.#eval(mark, [this.#keys.mark], [options.cloud])),
      () => this.#forgot(),
    );
    this.#onSpoilt = options.onSpoilt;
    this.#client.on('error', (error: Error) => options.onError?.(error));
    this.#client.on('ready', () => {
      // Another server may answer now, which never heard of the last writes.
      if (this.#wasReady) this.#forgot();
      this.#wasReady = true;
    });
    this.#client.on('close', () => this.#mark.forget());
  }

  async announce(entry: NodeEntry, leaseMs: number): Promise<readonly Call[]> {
    if (!Number.isFinite(leaseMs) || leaseMs <= 0) throw new RangeError('leaseMs must be above 0');
    const { id, datacenter, load, body } = entry;
    // With every heartbeat: a Redis that was emptied is marked again, and one that became another's is left.
    this.#mark.forget();
    const calls = await this.#run(() =>
      this.#eval(
        ANNOUNCE,
        [this.#keys.index(datacenter), this.#keys.nodes(datacenter) + id, this.#keys.calls(datacenter)],
        [
          id,
          loadStep(load),
          Math.ceil(leaseMs),
          `${load} ${body}`,
          Math.max(INDEX_LEASES * Math.ceil(leaseMs), INDEX_LEAST_MS),
        ],
      ),
    );
    return String(calls)
      .split(' ')
      .filter((call) => CALL.test(call))
      .slice(0, MAX_CALLS);
  }

  async call(datacenter: string, call: Call): Promise<void> {
    await this.#run(() => this.#eval(CALL_NODES, [this.#keys.calls(datacenter)], [`${call} `, CALLS_MS]));
  }

  async withdraw({ id, datacenter }: NodeRef): Promise<void> {
    // The index is left to its readers.
    await this.#run(() => this.#client.del(this.#keys.nodes(datacenter) + id));
  }

  async nodes(datacenters: readonly string[]): Promise<readonly NodeEntry[]> {
    const answers = await this.#run(() =>
      Promise.all(
        [...new Set(datacenters)].map(async (datacenter) => {
          const prefix = this.#keys.nodes(datacenter);
          const args = [prefix, NODES_PER_DATACENTER, INDEX_LOOKS];
          const found = await this.#eval(NODES, [this.#keys.index(datacenter)], args);
          return pairs(found).map(([id, record]) => readEntry({ id, datacenter }, record));
        }),
      ),
    );
    return answers.flat();
  }

  async find(nodes: readonly NodeRef[]): Promise<readonly NodeEntry[]> {
    const found = await this.#run(() =>
      Promise.all(
        nodes.map(async (node) => {
          const key = this.#keys.nodes(node.datacenter) + node.id;
          const record = await this.#client.getrange(key, 0, MAX_BODY_BYTES);
          return record === '' || record.length > MAX_BODY_BYTES ? [] : [readEntry(node, record)];
        }),
      ),
    );
    return found.flat();
  }

  async room(key: RoomKey): Promise<RoomRecord> {
    const answer = await this.#run(() => this.#eval(READ_ROOM, [this.#keys.room(key)], []));
    return this.#roomOf(answer).record;
  }

  async claimRoom(
    key: RoomKey,
    { host, regions, epoch }: RoomClaim,
  ): Promise<{ claimed: boolean; record: RoomRecord }> {
    const args = [epoch, partField(nodeOfPart(host)), writePart(host), writeRegions(regions), this.#roomMs];
    const answer = await this.#run(() => this.#eval(CLAIM_ROOM, [this.#keys.room(key)], args));
    const { record, claimed } = this.#roomOf(answer);
    return { claimed: claimed === 1, record };
  }

  async restateRoom(key: RoomKey, { node, host, regions, seenEpoch }: RoomChange): Promise<RoomRecord> {
    const args = [seenEpoch, partField(node), writePart(host), writeRegions(regions), this.#roomMs];
    const answer = await this.#run(() => this.#eval(RESTATE_ROOM, [this.#keys.room(key)], args));
    return this.#roomOf(answer).record;
  }

  async bundle(): Promise<Uint8Array | null> {
    const bytes = await this.#run(() => this.#client.getrangeBuffer(this.#keys.bundle, 0, MAX_BUNDLE_BYTES));
    if (bytes.length > MAX_BUNDLE_BYTES) throw new WatershedError('registry_unavailable', TOO_LARGE_THERE);
    return bytes.length === 0 ? null : bytes;
  }

  async putBundle(bytes: Uint8Array): Promise<void> {
    await this.#run(() => this.#client.set(this.#keys.bundle, Buffer.from(bytes)));
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#client.disconnect();
  }

  onForgot(listener: () => void): void {
    this.#listeners.push(listener);
  }

  /** What a script of rooms answers. */
  #roomOf(answer: unknown): { record: RoomRecord; claimed: unknown } {
    const [healed, fields, claimed] = Array.isArray(answer) ? answer : [];
    if (healed === 1) this.#onSpoilt?.();
    return { record: readRoom(strings(fields)), claimed };
  }

  #forgot(): void {
    for (const listener of this.#listeners) listener();
  }

  /** Runs commands on a Redis that is this cloud's, in bounded time; whatever fails is `registry_unavailable`. */
  async #run<T>(commands: () => Promise<T>): Promise<T> {
    if (this.#closed) throw new WatershedError('registry_unavailable');
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_resolve, reject) => {
      timer = setTimeout(() => reject(new Error('no answer in time')), 2 * this.#commandMs);
    });
    const answer = (async () => {
      await this.#connected();
      await this.#mark.assertOurs();
      return await commands();
    })();
    try {
      return await Promise.race([answer, late]);
    } catch (error) {
      if (error instanceof WatershedError) throw error;
      throw new WatershedError('registry_unavailable', undefined, { cause: error });
    } finally {
      clearTimeout(timer);
    }
  }

  /** The first connection is waited for; one that was lost is not, so that who asks is told at once. */
  async #connected(): Promise<void> {
    const client = this.#client;
    if (this.#wasReady || client.status === 'end') return;
    await new Promise<void>((resolve) => {
      const end = (): void => {
        client.off('ready', end).off('close', end);
        resolve();
      };
      client.on('ready', end).on('close', end);
    });
  }

  async #eval(script: Script, keys: readonly string[], args: readonly (string | number)[]): Promise<unknown> {
    try {
      return await this.#client.evalsha(script.sha, keys.length, ...keys, ...args);
    } catch (error) {
      if (!(error instanceof Error && error.message.startsWith('NOSCRIPT'))) throw error;
      return await this.#client.eval(script.lua, keys.length, ...keys, ...args);
    }
  }
}

/** `LOAD BODY`. */
function readEntry({ id, datacenter }: NodeRef, record: string): NodeEntry {
  const space = record.indexOf(' ');
  return { id, datacenter, load: Number(record.slice(0, space)), body: record.slice(space + 1) };
}

function strings(reply: unknown): string[] {
  return Array.isArray(reply) ? reply.map(String) : [];
}

function pairs(reply: unknown): [string, string][] {
  const flat = strings(reply);
  return flat.flatMap((id, i): [string, string][] => (i % 2 === 0 ? [[id, flat[i + 1] ?? '']] : []));
}
