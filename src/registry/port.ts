/**
 * What a node needs to know of the other nodes of its cloud. Two adapters implement it (memory, Redis) and one
 * contract suite tests both. It is trusted for liveness and load, never for safety: whoever can write to it can
 * at worst make a join fail. So it hands out what is written in it, unread; whoever reads, verifies.
 *
 * It holds no content, names, addresses of participants or tokens: only opaque ids, regions and load. Every method
 * rejects with `registry_unavailable` when the registry cannot be reached, in bounded time. The cost of each in
 * commands and bytes does not grow with the number of nodes or rooms of the cloud.
 */
export interface Registry {
  /**
   * Writes this node's record and its lease. Repeated as a heartbeat; the record disappears `leaseMs` after the
   * last one, by the registry's own clock. Resolves with the calls that are to be repeated in the next. RangeError for
   * a lease that is not above 0.
   */
  announce(entry: NodeEntry, leaseMs: number): Promise<readonly Call[]>;
  /** Asks the nodes of a datacenter to repeat a call; the newest `MAX_CALLS` stand, for `CALLS_MS` after the last. */
  call(datacenter: string, call: Call): Promise<void>;
  /** Removes this node's record at once (shutdown). */
  withdraw(node: NodeRef): Promise<void>;
  /**
   * Nodes of these datacenters whose lease runs, at most `NODES_PER_DATACENTER` of each: the less loaded first, in
   * steps of `LOAD_STEP`, and by id within a step, so that small changes of load change no answer.
   */
  nodes(datacenters: readonly string[]): Promise<readonly NodeEntry[]>;
  /** Of these nodes, those whose lease runs. */
  find(nodes: readonly NodeRef[]): Promise<readonly NodeEntry[]>;

  /** What is written of a room; epoch 0 and no hosts for one that nobody claimed. */
  room(key: RoomKey): Promise<RoomRecord>;
  /**
   * Writes this node's part of a room if the record still has the epoch that the writer read, and raises the
   * epoch by one; atomic. `claimed: false` gives the record as it is instead: read, decide again, claim again.
   */
  claimRoom(key: RoomKey, claim: RoomClaim): Promise<{ claimed: boolean; record: RoomRecord }>;
  /**
   * Writes a node's part whatever the epoch (a member left, or the registry had forgotten the room), raising it to
   * above both its own and `seenEpoch`; null removes the part, and the record with the last one.
   */
  restateRoom(key: RoomKey, change: RoomChange): Promise<RoomRecord>;

  /** The signed policy bundle that was put last; null for none. Its signatures are the reader's to verify. */
  bundle(): Promise<Uint8Array | null>;
  putBundle(bytes: Uint8Array): Promise<void>;
  /**
   * Calls back when what was written may be lost: the registry was reached anew, as after a failover, or was found
   * empty. Whoever holds something states it again.
   */
  onForgot(listener: () => void): void;
  /** Leaves what is written as it is, as a lost connection would. Idempotent. */
  close(): Promise<void>;
}

/** Something that nobody could know before it was called: a record that repeats it was made since. */
export type Call = string;
export const CALL = /^[\w-]{22}$/;
export const MAX_CALLS = 8;
export const CALLS_MS = 60_000;

/** Of one datacenter, in one answer. */
export const NODES_PER_DATACENTER = 8;
/** Nodes whose load is within the same step count as equally loaded. */
const LOAD_STEP = 0.25;
/**
 * A room's record is forgotten so long after it was last written, in ms: what nodes that died left behind ends by
 * itself. Whoever hosts a room for longer restates its part well within.
 */
export const ROOM_RECORD_MS = 6 * 3_600_000;

/** Of a signed policy bundle: four times the text that a policy may have. What is larger is none. */
export const MAX_BUNDLE_BYTES = 8 * 1024 * 1024;

/** 0 for an idle node, 4 for a full one, 5 where the load is no number: that is not preferred. */
export function loadStep(load: number): number {
  if (!Number.isFinite(load)) return 1 / LOAD_STEP + 1;
  return Math.floor(Math.min(Math.max(load, 0), 1) / LOAD_STEP);
}

export interface NodeRef {
  readonly id: string;
  readonly datacenter: string;
}

/** A node's record as the registry carries it. Id, datacenter and load are for its index; the body counts. */
export interface NodeEntry extends NodeRef {
  /** 0 (idle) to 1 (full, or not to be used). */
  readonly load: number;
  /** The sealed `NodeRecord`; see identity/. */
  readonly body: string;
}

export type NodeState = 'starting' | 'ready' | 'draining';

/** What a node says of itself. */
export interface NodeRecord extends NodeRef {
  /** WebSocket base URL that clients use, without a path. */
  readonly url: string;
  /** `host:port` of its listener for node links; null where it has none. */
  readonly link: string | null;
  /** Grows with every start of the node: an older record of the same id is refused. */
  readonly epoch: number;
  /** Grows with every announcement of one start. */
  readonly sequence: number;
  /** Calls that it had heard, see `Registry.call`. */
  readonly calls: readonly Call[];
  readonly state: NodeState;
  /** 0 (idle) to 1 (full). */
  readonly load: number;
  /** Room for one more room. */
  readonly accepting: boolean;
  /** Digest of the policy that the node runs. */
  readonly policy: string;
  readonly version: string;
}

/** Opaque: a hash of the room's id. */
export type RoomKey = string;

export interface RoomRecord {
  /** Grows with every change. */
  readonly epoch: number;
  /** By node. A part that cannot be read is left out. */
  readonly hosts: readonly RoomHost[];
  /**
   * What the narrowings seen in the room's life leave; null for all. Whatever is written, it only shrinks while the
   * record stands.
   */
  readonly regions: readonly string[] | null;
}

/** A node's part of a room: of those who have a place there nothing but regions, each once. */
export interface RoomHost {
  readonly node: string;
  /** Of the node's record: a part left over from an earlier start counts for nothing. */
  readonly nodeEpoch: number;
  readonly datacenter: string;
  readonly homes: readonly HomeCount[];
  /** Every region that one of them has given evidence of. Narrowings are the record's alone. */
  readonly evidence: readonly string[];
  /** False when a host there withholds its consent to move the room; absent: true. */
  readonly moves?: boolean;
}

/** Whose part it is. */
export function nodeOfPart({ node, datacenter }: Pick<RoomHost, 'node' | 'datacenter'>): NodeRef {
  return { id: node, datacenter };
}

/** How many are of one home region. */
export interface HomeCount {
  readonly home: string;
  readonly count: number;
}

export interface RoomClaim {
  readonly host: RoomHost;
  readonly regions: readonly string[] | null;
  /** Epoch of the record that the claim was decided on. */
  readonly epoch: number;
}

export interface RoomChange {
  readonly node: NodeRef;
  readonly host: RoomHost | null;
  readonly regions: readonly string[] | null;
  readonly seenEpoch: number;
}
