import { intersect, narrow } from '../policy/label.ts';
import type { Label } from '../policy/model.ts';
import { CLOSE, type ErrorCode, WatershedError } from '../protocol/errors.ts';
import type { EventData } from '../protocol/events.ts';
import type { RoomInfo } from '../protocol/state.ts';
import { Chat, type ChatReceipt } from './chat.ts';
import type { Timer } from './clock.ts';
import { type Ending, forbiddenEnding, refusalOf } from './ending.ts';
import { type Notification, notification } from './notification.ts';
import { type Newcomer, Peer, type RoomSnapshot } from './peer.ts';
import { type MediaAudience, wireMedia } from './peer-media.ts';
import { type RoomDeps, shortId } from './ports.ts';
import { RoomMedia } from './room-media.ts';
import { type RoomView, viewOf } from './room-view.ts';
import { WaitingRoom } from './waiting-room.ts';

/** Why a peer is not in the room any more, as the others are told. */
export type LeaveReason = EventData<'peerLeft'>['reason'];

/** How `enter` came out. */
export type Entered =
  | { readonly state: 'joined'; readonly room: Room; readonly peer: Peer; readonly snapshot: RoomSnapshot }
  | { readonly state: 'waiting'; readonly room: Room; readonly peer: Peer };

/** Why a room closes; null when nobody was left in it. */
export type ClosedBy = 'room_ended' | 'room_expired' | 'draining' | 'internal' | null;

/**
 * A meeting at this node: its members, those who wait, its rules, and its media once the first member is there.
 * It keeps the label that each peer is judged by.
 */
export class Room implements MediaAudience {
  readonly id: string;
  readonly waiting: WaitingRoom;
  readonly #deps: RoomDeps;
  readonly #onClosed: (room: Room, code: ClosedBy) => void;
  /** Members, and those being seated (who have no media yet): both count against the limit. */
  readonly #peers = new Map<string, Peer>();
  readonly #chat: Chat;
  readonly #media: RoomMedia;
  /** Whose stays are about to be decided, and what was forbidden of them meanwhile. */
  readonly #deciding = new Map<Peer, unknown>();
  /** Whom a host removed; they stay out while the room lives. */
  readonly #keptOut = new Set<string>();
  readonly #endsAtMs: number | null;
  readonly #durationTimer: Timer | null;
  #emptyTimer: Timer | null = null;
  /** What the narrowings of all tokens seen during the room's life leave; null for all regions. */
  #regions: readonly string[] | null = null;
  #locked = false;
  #closed = false;

  constructor(id: string, deps: RoomDeps, onClosed: (room: Room, code: ClosedBy) => void) {
    this.id = id;
    this.#deps = deps;
    this.#onClosed = onClosed;
    const { limits, clock } = deps;
    this.#chat = new Chat(limits, clock);
    this.waiting = new WaitingRoom(limits, clock, {
      tellHosts: (message) => this.#tellHosts(message),
      onTimeout: (peer) => this.#refuse(peer, 'waiting_timeout'),
    });
    this.#media = new RoomMedia(id, deps, {
      label: (peerId) => this.label(peerId),
      onLabel: (peerId, label) => this.#relabel(peerId, label),
      forbid: (peerId, error) => {
        const peer = this.#peers.get(peerId);
        if (peer !== undefined) this.forbidden(peer, error);
      },
      onSpeakers: (data) => this.#tell(notification('speakers', data)),
      onClosed: () => this.close('internal'),
    });
    const duration = limits.maxDurationSeconds;
    this.#endsAtMs = duration === null ? null : clock.wallMs() + duration * 1000;
    this.#durationTimer =
      duration === null ? null : clock.after(duration * 1000, () => this.close('room_expired'));
    this.#armEmpty();
    deps.log.info({ room: shortId(id) }, 'room opened');
  }

  get info(): RoomInfo {
    return {
      roomId: this.id,
      locked: this.#locked,
      endsAt: this.#endsAtMs === null ? null : Math.floor(this.#endsAtMs / 1000),
      lastN: this.#deps.limits.lastN,
    };
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Those who are seated. */
  members(): Peer[] {
    return [...this.#peers.values()].filter((peer) => peer.seated);
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
      waiting: this.waiting.list(),
      node: this.#deps.node,
    };
    return viewOf(state, peer);
  }

  /** The label that a peer is judged by now; undefined, which forbids, for one who is gone. */
  label(peerId: string): Label | undefined {
    const label = this.#peers.get(peerId)?.label;
    return label === undefined ? undefined : narrow(label, this.#regions);
  }

  /**
   * Lets a newcomer in, or lets it wait. It has been judged (`join`) by the caller just before.
   * `room_ended`, `removed`, `room_locked`, `room_full`, `worker_unavailable`, `unsupported_media`, or what the
   * gate throws.
   */
  async enter(newcomer: Newcomer): Promise<Entered> {
    const peer = new Peer(newcomer);
    this.#assertOpen();
    if (this.#keptOut.has(peer.identity)) throw new WatershedError('removed');
    if (this.#locked && peer.role !== 'host') throw new WatershedError('room_locked');
    if (this.#deps.limits.waitingRoom && peer.role !== 'host') {
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
    this.#assertOpen();
    if (this.#peers.size >= this.#deps.limits.peersPerRoom) throw new WatershedError('room_full');
    this.#peers.set(peer.id, peer);
    this.#regions = intersect(this.#regions, peer.label.regions);
    this.#armEmpty();
    try {
      const media = await this.#media.seat(peer, () => {
        this.#assertOpen();
        if (!peer.outlet.open) throw new WatershedError('not_joined', 'the connection is gone');
      });
      peer.seat(media);
      wireMedia(this, peer, media);
    } catch (error) {
      this.#peers.delete(peer.id);
      this.#armEmpty();
      throw error;
    }
    const { snapshot, rest } = this.view(peer);
    onSeated(snapshot);
    for (const message of rest) peer.outlet.notify(message);
    this.fromPeer(peer, notification('peerJoined', { peer: peer.info(this.#deps.node) }));
    this.#deps.log.info({ room: shortId(this.id), peer: shortId(peer.id) }, 'peer joined');
  }

  #assertOpen(): void {
    if (this.#closed) throw new WatershedError('room_ended');
  }

  /** The node's own word to every member. */
  #tell(message: Notification): void {
    for (const peer of this.members()) peer.outlet.notify(message);
  }

  #tellHosts(message: Notification): void {
    for (const peer of this.members()) if (peer.role === 'host') peer.outlet.notify(message);
  }

  /**
   * The one way by which what a peer originates (its name, its producers' announcements, its chat) reaches
   * others. Every member sits at this node, at a datacenter in A(L) of the origin's label, or the gate would
   * have ended its stay: so it goes to all. When rooms span nodes, this is where the origin's label is asked
   * before anything goes over a link.
   */
  fromPeer(origin: Peer, message: Notification, echo = false): void {
    for (const peer of this.members()) if (echo || peer !== origin) peer.outlet.notify(message);
  }

  /** Sends a chat message to everybody, its author too: so all see one order. */
  chat(peer: Peer, text: string): ChatReceipt {
    this.#media.gate.assertProduce(peer.id);
    const { receipt, message } = this.#chat.compose(peer, text);
    this.fromPeer(peer, message, true);
    return receipt;
  }

  setLocked(locked: boolean): void {
    if (locked === this.#locked) return;
    this.#locked = locked;
    this.#tell(notification('roomUpdated', { room: this.info }));
  }

  /** Keeps a participant out for as long as this room lives. */
  keepOut(peer: Peer): void {
    this.#keptOut.add(peer.identity);
  }

  /** Takes a peer out, whether it is seated, waits, or neither any more: its media closes first. */
  drop(peer: Peer, reason: LeaveReason, ending: Ending): void {
    const seated = peer.seated;
    peer.unseat();
    this.#peers.delete(peer.id);
    this.waiting.remove(peer);
    if (seated) {
      this.#tell(notification('peerLeft', { peerId: peer.id, reason }));
      this.#deps.log.info({ room: shortId(this.id), peer: shortId(peer.id), reason }, 'peer left');
    }
    peer.outlet.ended(ending);
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
  }

  /** Judges one member's legs, then its stay, by its label and the policy of this moment; false: it was ended. */
  rejudgePeer(peer: Peer): boolean {
    if (!peer.seated) return peer.outlet.open;
    this.#regions = intersect(this.#regions, peer.label.regions);
    peer.media.rejudge();
    try {
      this.#media.gate.assertTransport(peer.id);
      return true;
    } catch (error) {
      this.drop(peer, 'policy', forbiddenEnding(error));
      return false;
    }
  }

  /**
   * Closes every leg of a member that the policy of this moment forbids, at once. Nobody is told anything yet: the
   * decision about the stay, which has to follow (`decided`), knows where else the peer may go.
   */
  rejudgeLegs(peer: Peer): void {
    if (!peer.seated) return;
    this.#deciding.set(peer, null);
    peer.media.rejudge();
  }

  /** The stay goes on, or has ended. What was forbidden meanwhile ends it, whatever was decided. */
  decided(peer: Peer): void {
    const error = this.#deciding.get(peer) ?? null;
    this.#deciding.delete(peer);
    if (error !== null && peer.seated) this.drop(peer, 'policy', forbiddenEnding(error));
  }

  /** The gate forbade a leg of the peer's own, which is closed: its stay ends, unless that is being decided. */
  forbidden(peer: Peer, error: unknown): void {
    if (this.#deciding.has(peer)) this.#deciding.set(peer, error);
    else this.drop(peer, 'policy', forbiddenEnding(error));
  }

  /** A room with nobody in it and nobody waiting is closed after a while. */
  #armEmpty(): void {
    this.#emptyTimer?.cancel();
    this.#emptyTimer = null;
    if (this.#closed || this.#peers.size > 0 || this.waiting.size > 0) return;
    this.#emptyTimer = this.#deps.clock.after(this.#deps.limits.emptySeconds * 1000, () => this.close(null));
  }

  /** Ends the meeting for everyone, who are told `code`; idempotent. */
  close(code: ClosedBy): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#emptyTimer?.cancel();
    this.#durationTimer?.cancel();
    const everyone = [...this.#peers.values(), ...this.waiting.peers()];
    for (const peer of everyone) {
      peer.unseat();
      this.waiting.remove(peer);
    }
    this.#peers.clear();
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
