import type { LinkTarget } from '../../links/types.ts';
import type { MediaRoom, PipeSource } from '../../media/types.ts';
import type { Label } from '../../policy/model.ts';
import type { NodeKey } from '../../policy/node-key.ts';
import type { LeaveReason, Redirect } from '../../protocol/events.ts';
import type { Verdict } from '../types.ts';
import type {
  IdentitiesState,
  MemberState,
  RoomAct,
  RulesState,
  SharedState,
  WaitingState,
} from './messages.ts';

/**
 * How rooms span nodes. Each node that hosts members of a room has its part in the registry's record, and all of
 * them tell each other over node links who is there: the record is for finding each other and for order, labels
 * that count come over authenticated links. What a peer originates goes to another node only where that node's
 * datacenter is in A(L) of the peer's label: both ends decide, each by its own policy.
 */
export interface Federation {
  /** Opens the way to a room's other nodes, as its first member comes. */
  open(room: LocalRoom): RoomLink;
  /**
   * Where a room could be with a newcomer of this label in it, as far as the registry says; null where nothing is
   * known. A hint for lists of datacenters; never rejects.
   */
  common(room: string, label: Label): Promise<ReadonlySet<string> | null>;
  /** After a policy switch: what may not be known elsewhere is taken back, and members may have to move. */
  rejudge(): void;
  /** The registry may have lost what was written: every room is stated again. */
  restate(): void;
  stats(): { readonly rooms: number; readonly peerings: number };
  close(): void;
}

/** Another node that hosts members of the same room. */
export interface RemoteNode extends LinkTarget {
  readonly region: string;
}

/** Someone with a place in the room at this node, seated or being seated. */
export interface Place {
  readonly peerId: string;
  readonly label: Label;
  readonly jti: string;
  /** False when a host's token withholds the consent to move the room for a newcomer. */
  readonly moves: boolean;
}

/** What hosts decided about one person, at whatever node. */
export interface Decision {
  /** All that is known of where they may be known. */
  readonly label: Label;
  readonly keptOut: boolean;
  readonly letIn: boolean;
  /**
   * Their label has grown by something that may not be known here: what was decided still counts here, and goes
   * nowhere from here, until it is known by how much the label has grown.
   */
  readonly outgrown: boolean;
}

/** People that a node said something of, and who may not be known here by these labels. */
export type Withheld = IdentitiesState;

/** A room at this node, as the federation sees it. */
export interface LocalRoom {
  readonly id: string;
  places(): readonly Place[];
  /** The seated, as they may be told of. */
  members(): readonly MemberState[];
  member(peerId: string): MemberState | undefined;
  waiting(): readonly WaitingState[];
  shared(): RulesState;
  /** What hosts decided about people, by their hash. */
  decisions(): ReadonlyMap<string, Decision>;
  /** The listener is told of the hash of everyone of whom what is decided, or known, has changed. There is one. */
  onDecided(listener: (hash: string) => void): void;
  /** What narrowings seen at other nodes leave; null for all. */
  narrow(regions: readonly string[] | null): void;
  /** A member at another node came, or changed. Nodes speak of their own members alone, whatever ids they say. */
  remoteMember(node: RemoteNode, member: MemberState): void;
  remoteGone(node: RemoteNode, peerId: string, reason: LeaveReason): void;
  /** All who wait for a host at that node, of those who may be known here. */
  remoteWaiting(node: RemoteNode, waiting: readonly WaitingState[]): void;
  remoteChat(node: RemoteNode, peerId: string, chat: { messageId: string; at: number; text: string }): void;
  /** What another node's hosts decided for the whole room; `withheld`: what was said of people, and may not be known here. */
  share(state: SharedState, withheld: Withheld): void;
  /** A host at another node acts on somebody here. Throws a WatershedError. */
  act(act: RoomAct): Promise<void>;
  /** A member may not stay: the room cannot be here any more, or this node goes; null: there is nowhere to go now. */
  relocate(peerId: string, redirect: Redirect | null): void;
}

/** One room's way to its other nodes. */
export interface RoomLink {
  /**
   * Decides, with everyone in the room at any node, whether a newcomer may enter here, and takes its place in the
   * registry before it resolves; from then on it is among the room's `places`. An admission means that the other
   * nodes were met (those that answered in time). Rejects with `registry_unavailable`.
   */
  enter(newcomer: Place): Promise<Exclude<Verdict, { kind: 'admit' }> | { readonly kind: 'admit' }>;
  /** A place was taken or given up, or its label changed. */
  placesChanged(): void;
  /** A seated member is here now, has changed, or is gone. */
  memberChanged(peerId: string, reason?: LeaveReason): void;
  /** Someone began or ceased to wait for a host. */
  waitingChanged(): void;
  /** A chat message of a member here, to the nodes that may have it. */
  chat(peerId: string, chat: { messageId: string; at: number; text: string }): void;
  /** The room's shared state changed here. */
  share(): void;
  /**
   * On behalf of a host here, at the node where the other peer is. Rejects with the error to answer with:
   * `not_found` also where that node may not know of the host.
   */
  act(node: NodeKey, act: RoomAct): Promise<void>;
  /**
   * This node goes: each seated member here is told where it may sit now. Resolves with those who were; the others
   * have nowhere to go. Rejects with `registry_unavailable`.
   */
  handOver(): Promise<ReadonlySet<string>>;
  /** The way to producers at another node. */
  source(node: RemoteNode): PipeSource;
  /** Serves pipes out of the room's media from now on; returns what stops it. */
  attach(media: MediaRoom): () => void;
  /** The room is over at this node: its part is withdrawn. Idempotent. */
  close(): void;
}
