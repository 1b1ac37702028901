import type { RoomAct, RulesState, SharedState } from '../cluster/federation/messages.ts';
import type { RoomLink, Withheld } from '../cluster/federation/types.ts';
import type { RemoteProducer } from '../media/types.ts';
import { intersect, narrow } from '../policy/label.ts';
import type { Label } from '../policy/model.ts';
import type { NodeKey } from '../policy/node-key.ts';
import { CLOSE, type ErrorCode, WatershedError } from '../protocol/errors.ts';
import type { LeaveReason } from '../protocol/events.ts';
import type { RoomInfo } from '../protocol/state.ts';
import { Apart } from './apart.ts';
import { Chat, type ChatReceipt } from './chat.ts';
import { type Ending, refusalOf } from './ending.ts';
import { Lifetime } from './lifetime.ts';
import { localRoomOf, placeOf } from './local-room.ts';
import { Moving } from './moving.ts';
import { type Notification, notification } from './notification.ts';
import { type Newcomer, Peer, type RoomSnapshot } from './peer.ts';
import { type MediaAudience, wireMedia } from './peer-media.ts';
import { type RoomDeps, shortId } from './ports.ts';
import { RemotePeers } from './remote-peers.ts';
import { RemoteWaiting } from './remote-waiting.ts';
import { RoomMedia } from './room-media.ts';
import { RoomRules } from './room-rules.ts';
import { type RoomView, viewOf } from './room-view.ts';
import { Stays } from './stays.ts';
import { WaitingRoom } from './waiting-room.ts';

/** How `enter` came out. */
export type Entered =
  | { readonly state: 'joined'; readonly room: Room; readonly peer: Peer; readonly snapshot: RoomSnapshot }
  | { readonly state: 'waiting'; readonly room: Room; readonly peer: Peer };

/** Why a room closes; null when nobody was left in it. */
export type ClosedBy = 'room_ended' | 'room_expired' | 'draining' | 'internal' | null;

/**
 * Sessions of one participant in a room at this node, those that may still be resumed too: more than any devices make
 * necessary, and too few to fill the room.
 */
const SESSIONS_OF_ONE = 10;
/** At all nodes, as far as this one may know of them: twice, since who moves is at two nodes for a moment. */
const SESSIONS_ANYWHERE = 2 * SESSIONS_OF_ONE;

/**
 * A meeting, as this node has it: its members here, those at other nodes, those who wait, its rules, and its
 * media once the first member is there. It keeps the label that each peer is judged by.
 */
export class Room implements MediaAudience {
  readonly id: string;
  readonly waiting: WaitingRoom;
  /** Members at other nodes, and who waits there. */
  readonly remotes: RemotePeers;
  readonly remoteWaiting: RemoteWaiting;
  readonly rules = new RoomRules();
  readonly moving: Moving;
  readonly stays: Stays;
  readonly #deps: RoomDeps;
  readonly #onClosed: (room: Room, code: ClosedBy) => void;
  /** Members, and those being seated (who have no media yet): both count against the limit. */
  readonly #peers = new Map<string, Peer>();
  readonly #chat: Chat;
  readonly #media: RoomMedia;
  readonly #link: RoomLink;
  readonly #lifetime: Lifetime;
  /** What the narrowings of all tokens seen during the room's life leave; null for all regions. */
  #regions: readonly string[] | null = null;
  #closed = false;

  constructor(id: string, deps: RoomDeps, onClosed: (room: Room, code: ClosedBy) => void) {
    this.id = id;
    this.#deps = deps;
    this.#onClosed = onClosed;
    const { limits, clock } = deps;
    this.#chat = new Chat(limits, clock);
    this.waiting = new WaitingRoom(limits, clock, {
      tellHosts: (message) => {
        this.#tellHosts(message);
        this.#link.waitingChanged();
      },
      onTimeout: (peer) => this.#refuse(peer, 'waiting_timeout'),
    });
    this.#media = new RoomMedia(id, deps, {
      attach: (media) => this.#link.attach(media),
      label: (peerId) => this.label(peerId),
      onLabel: (peerId, label) => this.#relabel(peerId, label),
      forbid: (peerId, error) => {
        const peer = this.#peers.get(peerId);
        if (peer !== undefined) this.forbidden(peer, error);
      },
      onSpeakers: (data) => this.#tell(notification('speakers', data)),
      onClosed: () => this.close('internal'),
    });
    this.remotes = new RemotePeers({
      tell: (message) => this.#tell(message),
      addRemote: (producer, source) => this.#media.addRemote(producer, source),
      source: (node) => this.#link.source(node),
      rejudge: (peerId) => this.#media.rejudge(peerId),
    });
    this.remoteWaiting = new RemoteWaiting((message) => this.#tellHosts(message));
    this.moving = new Moving(this, deps);
    this.stays = new Stays({
      gate: this.#media.gate,
      link: () => this.#link,
      rules: this.rules,
      has: (peer) => this.#peers.get(peer.id) === peer,
      drop: (peer, reason, ending) => this.drop(peer, reason, ending),
      log: deps.log,
    });
    this.#lifetime = new Lifetime(clock, {
      expired: () => this.close('room_expired'),
      empty: () => this.close(null),
    });
    if (limits.maxDurationSeconds !== null) this.#lifetime.endsWithin(limits.maxDurationSeconds);
    this.#link = deps.federation.open(localRoomOf(this, deps));
    this.#armEmpty();
    deps.log.info({ room: shortId(id) }, 'room opened');
  }

  get info(): RoomInfo {
    return {
      roomId: this.id,
      locked: this.rules.locked,
      endsAt: this.#lifetime.endsAt,
      lastN: this.#deps.limits.lastN,
    };
  }

  /** Members and those being seated, at all nodes. */
  get size(): number {
    return this.#peers.size + this.remotes.size;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** What all nodes of the room have in common, but for people. */
  shared(): RulesState {
    return this.rules.state(this.#lifetime.remaining);
  }

  /** Those who are seated. */
  members(): Peer[] {
    return [...this.#peers.values()].filter((peer) => peer.seated);
  }

  /** Everyone with a place here: the seated, and those being seated. */
  placed(): Peer[] {
    return [...this.#peers.values()];
  }

  /** How a producer of a member here is described to other nodes; undefined once it is gone. */
  describe(producerId: string): RemoteProducer | undefined {
    return this.#media.describe(producerId);
  }

  /** A seated member; `not_found`. */
  member(peerId: string): Peer {
    const peer = this.#peers.get(peerId);
    if (peer?.seated !== true) throw new WatershedError('not_found', 'no such peer');
    return peer;
  }

  /** What a member may see of the room now. */
  view(peer: Peer): RoomView {
    const state = {
      info: this.info,
      members: this.members(),
      remotes: this.remotes.infos(),
      waiting: [...this.waiting.list(), ...this.remoteWaiting.list()],
      node: this.#deps.node,
    };
    return viewOf(state, peer);
  }

  /** The label that a peer is judged by now; undefined, which forbids, for one who is gone. */
  label(peerId: string): Label | undefined {
    const label = this.#peers.get(peerId)?.label ?? this.remotes.label(peerId);
    return label === undefined ? undefined : narrow(label, this.#regions);
  }

  /**
   * Lets a newcomer in, or lets it wait. It has been judged (`join`) by the caller just before.
   * `room_ended`, `removed`, `room_locked`, `too_many_sessions`, `room_full`, `worker_unavailable`, `unsupported_media`, or what the
   * gate throws.
   */
  async enter(newcomer: Newcomer): Promise<Entered> {
    const peer = new Peer(newcomer);
    this.#assertMayEnter(peer);
    if (this.#deps.limits.waitingRoom && peer.role !== 'host' && !this.#wasLetIn(peer)) {
      this.waiting.add(peer);
      this.#armEmpty();
      return { state: 'waiting', room: this, peer };
    }
    let snapshot: RoomSnapshot | undefined;
    await this.seat(peer, (seen) => {
      snapshot = seen;
    });
    if (snapshot === undefined) throw new WatershedError('internal');
    return { state: 'joined', room: this, peer, snapshot };
  }

  /** Makes a judged peer a member, gives out what it may see at that moment, and tells the others. */
  async seat(peer: Peer, onSeated: (snapshot: RoomSnapshot) => void): Promise<void> {
    this.#assertMayEnter(peer);
    if (this.size >= this.#deps.limits.peersPerRoom) throw new WatershedError('room_full');
    this.#peers.set(peer.id, peer);
    this.#armEmpty();
    try {
      // Decided with everyone in the room, at whatever node, before anything is made for the peer.
      const entered = await this.#link.enter(placeOf(peer));
      if (entered.kind !== 'admit') throw new Apart(entered);
      // What other nodes know of the room has been heard by now.
      this.#assertMayEnter(peer);
      if (this.size > this.#deps.limits.peersPerRoom) throw new WatershedError('room_full');
      this.#regions = intersect(this.#regions, peer.label.regions);
      const media = await this.#media.seat(peer, () => {
        this.#assertOpen();
        if (!peer.outlet.open) throw new WatershedError('not_joined', 'the connection is gone');
      });
      peer.seat(media);
      wireMedia(this, peer, media);
    } catch (error) {
      this.#peers.delete(peer.id);
      this.#link.placesChanged();
      this.#armEmpty();
      throw error;
    }
    const remembered = this.#deps.limits.waitingRoom && peer.isNamed;
    if (remembered && this.rules.letIn(peer.identity, peer.label)) this.#link.share();
    const { snapshot, rest } = this.view(peer);
    onSeated(snapshot);
    for (const message of rest) peer.outlet.notify(message);
    this.fromPeer(peer, notification('peerJoined', { peer: peer.info(this.#deps.node) }));
    this.#deps.log.info({ room: shortId(this.id), peer: shortId(peer.id) }, 'peer joined');
  }

  /** One who was to be let in could not be: it waits anew, which keeps the room, here and at its other nodes. */
  waitsAgain(peer: Peer): void {
    this.waiting.restore(peer);
    this.#link.waitingChanged();
    this.#armEmpty();
  }

  #assertOpen(): void {
    if (this.#closed || this.rules.ended) throw new WatershedError('room_ended');
  }

  #assertMayEnter(peer: Peer): void {
    this.#assertOpen();
    if (this.rules.keepsOut(peer.identity)) throw new WatershedError('removed');
    // Whoever waited was let in by a host, locked or not.
    if (this.rules.locked && peer.role !== 'host' && !peer.admittedByHost) {
      throw new WatershedError('room_locked');
    }
    const { who } = peer;
    if (who === undefined) return;
    const here = this.#othersOf(peer);
    const there = this.remotes.sessionsOf(who) + this.remoteWaiting.sessionsOf(who);
    if (here >= SESSIONS_OF_ONE || here + there >= SESSIONS_ANYWHERE)
      throw new WatershedError('too_many_sessions');
  }

  /** A host let one person in: who else comes by a token that names nobody is not known. */
  #wasLetIn(peer: Peer): boolean {
    return peer.isNamed && this.rules.hasLetIn(peer.identity);
  }

  /** Members here, and those who wait. */
  #everyone(): Peer[] {
    return [...this.#peers.values(), ...this.waiting.peers()];
  }

  /** Sessions of the same participant here, without this one. */
  #othersOf(peer: Peer): number {
    return this.#everyone().filter((one) => one !== peer && one.identity === peer.identity).length;
  }

  /** The node's own word to every member. */
  #tell(message: Notification): void {
    for (const peer of this.members()) peer.outlet.notify(message);
  }

  #tellHosts(message: Notification): void {
    for (const peer of this.members()) if (peer.role === 'host') peer.outlet.notify(message);
  }

  /**
   * The one way by which what a peer here originates (its name, its producers' announcements) reaches others.
   * Every member of this node sits at a datacenter in A(L) of the origin's label, or the gate would have ended
   * its stay: so it goes to all here. To other nodes it goes as the link allows, by the origin's label.
   */
  fromPeer(origin: Peer, message: Notification): void {
    for (const peer of this.members()) if (peer !== origin) peer.outlet.notify(message);
    this.#link.memberChanged(origin.id);
  }

  /** Sends a chat message to everybody, its author too: so all see one order. */
  chat(peer: Peer, text: string): ChatReceipt {
    this.#media.gate.assertProduce(peer.id);
    const { receipt, message } = this.#chat.compose(peer, text);
    this.#tell(message);
    this.#link.chat(peer.id, { ...receipt, text });
    return receipt;
  }

  setLocked(locked: boolean): void {
    if (!this.rules.lock(locked)) return;
    this.#lockChanged();
    this.#link.share();
  }

  /** Keeps a participant out for as long as this room lives. */
  keepOut(peer: Peer): void {
    const locked = [...peer.identities].map((identity) => this.rules.keepOut(identity, peer.label));
    if (locked.includes(true)) this.#lockChanged();
    this.#link.share();
  }

  #lockChanged(): void {
    this.#tell(notification('roomUpdated', { room: this.info }));
    if (!this.rules.overflown) return;
    const { log } = this.#deps;
    log.warn({ room: shortId(this.id) }, 'more were removed from a room than it remembers: it stays locked');
  }

  /** Whom a host removed, here or elsewhere, goes by every other session too. Hosts are removed one by one. */
  dropKeptOut(): void {
    for (const peer of this.#everyone()) {
      if (peer.role === 'host' || ![...peer.identities].some((one) => this.rules.keepsOut(one))) continue;
      this.drop(peer, 'removed', { kind: 'bye', code: 'removed', close: CLOSE.ended });
    }
  }

  /** What hosts at another node decided for the whole room; `withheld`: about people who may not be known here. */
  share(state: SharedState, withheld: Withheld): void {
    const changed = this.rules.merge(state, withheld);
    if (state.remainingSeconds !== null) this.#lifetime.endsWithin(state.remainingSeconds);
    if (this.rules.ended) {
      this.close('room_ended');
      return;
    }
    if (changed) this.#lockChanged();
    if (state.keptOut.length > 0) this.dropKeptOut();
  }

  /**
   * What narrowings seen at other nodes leave: all legs here are judged by it at once. Whoever may not stay is
   * moved by the federation, which knows where to.
   */
  narrow(regions: readonly string[] | null): void {
    this.#regions = intersect(this.#regions, regions);
    for (const peer of this.members()) {
      const label = this.label(peer.id);
      if (label !== undefined && this.#deps.admission.serves(label)) peer.media.rejudge();
      else this.stays.judgeLegs(peer);
    }
  }

  /** On behalf of a host here, on a peer that sits or waits at another node. */
  actAt(node: NodeKey, act: RoomAct): Promise<void> {
    return this.#link.act(node, act);
  }

  /** Takes a peer out, whether it is seated, waits, or neither any more: its media closes first. */
  drop(peer: Peer, reason: LeaveReason, ending: Ending): void {
    const seated = peer.seated;
    peer.unseat();
    this.#peers.delete(peer.id);
    this.stays.gone(peer);
    this.waiting.remove(peer);
    const why = this.moving.left(peer.id) ? 'moved' : reason;
    if (seated) {
      this.#link.memberChanged(peer.id, why);
      this.#tell(notification('peerLeft', { peerId: peer.id, reason: why }));
      this.#deps.log.info({ room: shortId(this.id), peer: shortId(peer.id), reason }, 'peer left');
    }
    peer.outlet.ended(ending);
    this.#link.placesChanged();
    this.#armEmpty();
  }

  /** A host says no to one who waits; `not_found`. */
  deny(peerId: string): void {
    const peer = this.waiting.take(peerId);
    this.waiting.settle(peer);
    this.#refuse(peer, 'waiting_denied');
  }

  #refuse(peer: Peer, code: ErrorCode): void {
    this.drop(peer, 'removed', { kind: 'refused', refusal: refusalOf(code, this.#deps.policyDigest()) });
  }

  /** An address that media selected for the peer added to its label: the legs are judged before all else. */
  #relabel(peerId: string, label: Label): void {
    const peer = this.#peers.get(peerId);
    if (peer === undefined) return;
    peer.relabel(label);
    if (peer.seated) peer.media.rejudge();
    this.stays.labelChanged(peer);
  }

  /** The gate forbade a leg of the peer's own. */
  forbidden(peer: Peer, error: unknown): void {
    this.stays.forbidden(peer, error);
  }

  /** Judges one member's legs, then its stay, by its label and the policy of this moment; false: it was ended. */
  rejudgePeer(peer: Peer): boolean {
    if (peer.seated) this.#regions = intersect(this.#regions, peer.label.regions);
    // By a label that has grown, fewer nodes may know who waits, and what was decided about them.
    else if (this.waiting.has(peer) && peer.takeRelabelled()) {
      this.#link.waitingChanged();
      const relabelled = [...peer.identities].filter((one) => this.rules.relabel(one, peer.label));
      if (relabelled.length > 0) this.#link.share();
    }
    return this.stays.judge(peer);
  }

  /** A room with nobody in it and nobody waiting is closed after a while. */
  #armEmpty(): void {
    const occupied = this.#peers.size > 0 || this.waiting.size > 0;
    this.#lifetime.occupied(occupied, this.#deps.limits.emptySeconds);
  }

  /** The node goes: whoever can sit elsewhere is told where, and the others that it is over here. Never rejects. */
  async handOver(): Promise<void> {
    const told = await this.#link.handOver().catch(() => new Set<string>());
    if (told.size === 0) return this.close('draining');
    const rest = this.#everyone().filter(({ id }) => !told.has(id));
    for (const peer of rest) {
      this.drop(peer, 'removed', { kind: 'bye', code: 'draining', close: CLOSE.goingAway });
    }
  }

  /** Ends the meeting for everyone, who are told `code`; idempotent. */
  close(code: ClosedBy): void {
    if (this.#closed) return;
    if (code === 'room_ended' && !this.rules.ended) {
      this.rules.end();
      this.#link.share();
    }
    this.#closed = true;
    this.moving.close();
    this.#lifetime.close();
    const everyone = this.#everyone();
    for (const peer of everyone) {
      peer.unseat();
      this.waiting.remove(peer);
    }
    this.#peers.clear();
    this.#link.close();
    this.remotes.close();
    this.#media.close();
    const ending: Ending = { kind: 'bye', code: code ?? 'room_ended', close: closeCodeOf(code) };
    for (const peer of everyone) peer.outlet.ended(ending);
    this.#deps.log.info({ room: shortId(this.id), code }, 'room closed');
    this.#onClosed(this, code);
  }
}

function closeCodeOf(code: ClosedBy): Extract<Ending, { kind: 'bye' }>['close'] {
  if (code === 'draining') return CLOSE.goingAway;
  return code === 'internal' ? CLOSE.internal : CLOSE.ended;
}
