import type { AdmittedSession } from '../cluster/types.ts';
import { CLOSE, type CloseCode, isErrorCode, WatershedError } from '../protocol/errors.ts';
import type { Joined } from '../protocol/state.ts';
import type { Clock, Timer } from '../rooms/clock.ts';
import type { Ending } from '../rooms/ending.ts';
import { type Notification, notification, notificationFrame } from '../rooms/notification.ts';
import type { Peer, PeerOutlet, RoomSnapshot } from '../rooms/peer.ts';
import { consumersCreated } from '../rooms/peer-media.ts';
import type { Room } from '../rooms/room.ts';
import { Answers } from './answers.ts';
import type { Connection } from './connection.ts';
import { Figures } from './figures.ts';
import type { SignalingLimits } from './limits.ts';
import type { ConnectionEnd } from './metrics.ts';
import { Outbox } from './outbox.ts';
import { hashOf, type ResumeTokens } from './resume-tokens.ts';
import { TokenExpiry } from './token-expiry.ts';

export interface SessionDeps {
  readonly limits: SignalingLimits;
  readonly clock: Clock;
  readonly tokens: ResumeTokens<Session>;
  /** The session has entered a room, or waits for one. */
  readonly onEntered: (session: Session) => void;
  readonly onEnded: (session: Session) => void;
}

/** A peer's place: the room it is in or waits for. */
export interface Place {
  readonly room: Room;
  readonly peer: Peer;
}

/** How a resume comes out; `attach` is called once the response is on its way. */
export type Resumption =
  | { readonly mode: 'replayed'; readonly resumeToken: string; readonly missed: number; attach(): void }
  | { readonly mode: 'fresh'; readonly resumeToken: string; readonly joined: Joined; attach(): void };

/**
 * A peer's life across connections. Its notifications are numbered and kept for a while; a lost socket leaves
 * the peer in its room until the resume window ends. What ends a session: `leave`, a close frame with 1000 or
 * 1001, the room, the policy, the token's expiry, or a client that breaks the protocol.
 */
export class Session implements PeerOutlet {
  /** What this session's requests came to, for those that are repeated after a resume. */
  readonly answers: Answers;
  readonly #deps: SessionDeps;
  readonly #outbox: Outbox;
  readonly #expiry: TokenExpiry;
  readonly #figures: Figures;
  readonly #admittedAtDoor: AdmittedSession;
  #connection: Connection | null = null;
  /** Frames go out as they come; before it they are only kept, so that a response can come first. */
  #attached = false;
  #place: Place | null = null;
  #tokenHash: string | null = null;
  /** The token that the last resume came with: good until its answer is known to have arrived. */
  #spentHash: string | null = null;
  #window: Timer | null = null;
  #windowEndsAtMs = 0;
  #windowHeld = false;
  #resumptions = 0;
  #ended = false;

  constructor(admitted: AdmittedSession, deps: SessionDeps) {
    this.#admittedAtDoor = admitted;
    this.#deps = deps;
    this.answers = new Answers(deps.limits.requestsInFlight);
    this.#outbox = new Outbox(deps.limits);
    this.#figures = new Figures(deps.clock);
    this.#expiry = new TokenExpiry(deps.clock, deps.limits, {
      warn: (expiresAt) => this.notify(notification('tokenExpiring', { expiresAt })),
      expire: () => this.#expire(),
    });
  }

  get open(): boolean {
    return !this.#ended;
  }

  /** How often the session went to another connection. */
  get resumptions(): number {
    return this.#resumptions;
  }

  /** As judged last. */
  get admitted(): AdmittedSession {
    return this.#place?.peer.admitted ?? this.#admittedAtDoor;
  }

  /** The room and the peer once `join` was answered, waiting or not. */
  get place(): Place | null {
    return this.#place;
  }

  /** The room and the seated peer; `not_joined`. */
  get seat(): Place {
    if (this.#place?.peer.seated !== true) throw new WatershedError('not_joined');
    return this.#place;
  }

  /** What mediasoup says of the peer's media. */
  stats(): Promise<Record<string, unknown>[]> {
    return this.#figures.of(this.seat.peer.media);
  }

  /** The connection that this session starts on. */
  connect(connection: Connection): void {
    this.#connection = connection;
  }

  /** The peer waits for a host. */
  enterWaiting(place: Place): void {
    this.#enter(place);
  }

  /** The peer is in the room: the state to answer with. Frames go out after `attach`. */
  enterJoined(place: Place, snapshot: RoomSnapshot): Joined {
    this.#enter(place);
    return this.#joined(snapshot);
  }

  #enter(place: Place): void {
    this.#place = place;
    this.#expiry.watch(place.peer.admitted.claims.exp);
    this.#connection?.settle();
    this.#deps.onEntered(this);
  }

  /** Sends what was kept after `seq`, and from now on everything as it comes. */
  attach(seq: number): void {
    this.#attached = true;
    for (const frame of this.#outbox.after(seq) ?? []) this.#connection?.send(frame);
  }

  notify(message: Notification): void {
    if (this.#ended || (message.transient && !this.#attached)) return;
    if (message.event === 'mediaReset' || message.event === 'transportClosed')
      this.answers.forgetTransports();
    // Between a response being made and its being sent nothing may be lost, however much there is.
    const frame = this.#outbox.push(message, this.#connection !== null && !this.#attached);
    if (this.#attached) this.#connection?.send(frame);
  }

  /** The host let one in who waited. */
  letIn(snapshot: RoomSnapshot): void {
    this.notify(notification('admitted', this.#joined(snapshot)));
  }

  /** A fresh token was judged: its expiry counts from now. */
  refreshed(session: AdmittedSession): void {
    this.#expiry.watch(session.claims.exp);
  }

  /** Its token has run out, grace and all: it can only be resumed with a fresh one. */
  get expired(): boolean {
    return this.#expiry.passed;
  }

  #expire(): void {
    // Whoever is away cannot refresh: it has until its resume window ends, and then comes with a fresh token.
    if (this.#window !== null) return;
    this.leave('left', { kind: 'bye', code: 'token_expired', close: CLOSE.unauthenticated });
  }

  /** Leaves the room, if it is in one, and ends. */
  leave(reason: 'left' | 'lost' | 'removed' | 'policy', ending: Ending): void {
    if (this.#place === null) this.ended(ending);
    else this.#place.room.drop(this.#place.peer, reason, ending);
  }

  ended(ending: Ending): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#expiry.cancel();
    this.#window?.cancel();
    this.#revokeToken();
    this.#revokeSpent();
    const { lastWord, close, end } = lastWordOf(ending);
    const connection = this.#connection;
    this.#connection = null;
    if (connection !== null) {
      // Numbered where the numbers reached the client so far; else it would look like a gap.
      const numbered = this.#attached && this.#place !== null;
      const frame = lastWord && (numbered ? this.#outbox.push(lastWord) : notificationFrame(lastWord, 0));
      connection.end(frame, close, end);
    }
    this.#deps.onEnded(this);
  }

  /** A connection is over. What it means depends on how it ended, and on whether it is still this session's. */
  connectionEnded(connection: Connection, end: ConnectionEnd): void {
    if (this.#ended || connection !== this.#connection) return;
    this.#connection = null;
    this.#attached = false;
    if (this.#place?.peer.seated !== true) this.leave('left', { kind: 'left' });
    else if (end === 'lost' || end === 'slow_reader') this.#openWindow(this.#deps.limits.resumeWindowSeconds);
    else this.leave(end === 'client' ? 'left' : 'removed', { kind: 'left' });
  }

  #openWindow(seconds: number): void {
    this.#window?.cancel();
    this.#windowEndsAtMs = this.#deps.clock.monotonicMs() + seconds * 1000;
    this.#window = this.#deps.clock.after(seconds * 1000, () => this.leave('lost', { kind: 'left' }));
  }

  /** A connection has come to resume: the window stays open until its first message is due at least. Once per loss. */
  holdWindow(): void {
    if (this.#window === null || this.#windowHeld) return;
    this.#windowHeld = true;
    const leftMs = this.#windowEndsAtMs - this.#deps.clock.monotonicMs();
    this.#openWindow(Math.max(leftMs / 1000, this.#deps.limits.firstMessageSeconds));
  }

  /** Judged again from a new address: takes the wider label, and closes what it forbids. False: it was ended. */
  rejudged(session: AdmittedSession): boolean {
    const place = this.seat;
    place.peer.adopt(session);
    return place.room.rejudgePeer(place.peer);
  }

  /** A request came over this connection: whoever is there has been answered, and has the new token. */
  heard(connection: Connection): void {
    if (connection === this.#connection) this.#revokeSpent();
  }

  /**
   * Moves the session to another connection; the one before it, if still there, is told `replaced`. The token that
   * it came with stays good until the client is heard again, since the answer can be lost with its socket.
   */
  resume(connection: Connection, lastSeq: number, resumeToken: string): Resumption {
    this.#keepToken(resumeToken);
    this.#resumptions += 1;
    const { room, peer } = this.seat;
    this.#window?.cancel();
    this.#window = null;
    this.#windowHeld = false;
    const before = this.#connection;
    this.#connection = connection;
    this.#attached = false;
    before?.fail('replaced', CLOSE.replaced);
    connection.settle();
    const missed = this.#outbox.after(lastSeq);
    if (missed !== undefined) {
      return {
        mode: 'replayed',
        resumeToken: this.#issueToken(),
        missed: missed.length,
        attach: () => this.attach(lastSeq),
      };
    }
    this.#outbox.forget();
    const seq = this.#outbox.lastSeq;
    const { snapshot, rest } = room.view(peer);
    const joined = this.#joined(snapshot);
    const attach = () => {
      for (const message of rest) this.notify(message);
      for (const batch of consumersCreated(peer.media.consumers())) this.notify(batch);
      for (const held of peer.media.held()) this.notify(notification('consumerPaused', held));
      for (const notice of peer.notices.all()) this.notify(notice);
      this.attach(seq);
    };
    return { mode: 'fresh', resumeToken: joined.resumeToken, joined, attach };
  }

  #joined(snapshot: RoomSnapshot): Joined {
    return {
      ...snapshot,
      resumeToken: this.#issueToken(),
      resumeWindow: this.#deps.limits.resumeWindowSeconds,
    };
  }

  #issueToken(): string {
    this.#revokeToken();
    const { token, hash } = this.#deps.tokens.issue(this);
    this.#tokenHash = hash;
    return token;
  }

  /** Of the two tokens that may be good, keeps the one just used apart and revokes the other. */
  #keepToken(resumeToken: string): void {
    const used = hashOf(resumeToken);
    if (used === this.#tokenHash) {
      this.#revokeSpent();
      this.#spentHash = used;
      this.#tokenHash = null;
    } else this.#revokeToken();
  }

  #revokeSpent(): void {
    if (this.#spentHash !== null) this.#deps.tokens.revoke(this.#spentHash);
    this.#spentHash = null;
  }

  #revokeToken(): void {
    if (this.#tokenHash !== null) this.#deps.tokens.revoke(this.#tokenHash);
    this.#tokenHash = null;
  }
}

/** How a connection is told of an ending. */
export function lastWordOf(ending: Ending): {
  lastWord: Notification | null;
  close: CloseCode;
  end: ConnectionEnd;
} {
  switch (ending.kind) {
    case 'left':
      return { lastWord: null, close: CLOSE.left, end: 'left' };
    case 'bye': {
      const bye = notification('bye', new WatershedError(ending.code).toWire());
      return { lastWord: bye, close: ending.close, end: ending.code };
    }
    case 'refused': {
      const end = isErrorCode(ending.refusal.code) ? ending.refusal.code : 'internal';
      return { lastWord: notification('refused', ending.refusal), close: CLOSE.refused, end };
    }
    case 'redirect':
      return { lastWord: notification('redirect', ending.redirect), close: CLOSE.refused, end: 'redirect' };
  }
}
