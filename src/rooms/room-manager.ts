import type { AdmittedSession } from '../cluster/types.ts';
import { WatershedError } from '../protocol/errors.ts';
import { Apart } from './apart.ts';
import { type Ending, endingOf } from './ending.ts';
import { KeyedRates } from './keyed-rates.ts';
import { identityOf, type Newcomer } from './peer.ts';
import type { RoomDeps } from './ports.ts';
import { rejudgeEveryone } from './rejudge.ts';
import { type ClosedBy, type Entered, Room } from './room.ts';

/** How a join came out. An error (a limit, a lock) is thrown instead. */
export type JoinOutcome = Entered | { readonly state: 'apart'; readonly ending: Ending };

/** Ended rooms that are remembered at most; the oldest are forgotten first. */
const ENDED_MAX = 10_000;

/**
 * Joins of one participant to one room: each makes transports for it and consumers for everyone, which a token that can
 * be used again would otherwise have for nothing. More than any network makes necessary.
 */
const JOINS = { perSecond: 0.5, burst: 20 };
/** Joins a second by one token that names nobody: a whole room may have been given it, and may come at once. */
const SHARED_JOINS = 2;

/** The rooms of this node, by the id that the join token names. */
export class RoomManager {
  readonly #deps: RoomDeps;
  readonly #rooms = new Map<string, Room>();
  /** Meetings that are over, and until when (monotonic ms) only a host may open them again. */
  readonly #ended = new Map<string, { code: 'room_ended' | 'room_expired'; untilMs: number }>();
  readonly #joins: KeyedRates;
  readonly #sharedJoins: KeyedRates;
  #draining = false;

  constructor(deps: RoomDeps) {
    this.#deps = deps;
    this.#joins = new KeyedRates(JOINS, deps.clock);
    const burst = Math.max(JOINS.burst, deps.limits.peersPerRoom);
    this.#sharedJoins = new KeyedRates({ perSecond: SHARED_JOINS, burst }, deps.clock);
  }

  /** A snapshot for metrics. */
  stats(): { rooms: number; peers: number; waiting: number } {
    let peers = 0;
    let waiting = 0;
    for (const room of this.#rooms.values()) {
      peers += room.members().length;
      waiting += room.waiting.size;
    }
    return { rooms: this.#rooms.size, peers, waiting };
  }

  rooms(): readonly Room[] {
    return [...this.#rooms.values()];
  }

  /**
   * Judges a newcomer once more, and only then looks at rooms: a session that may not be served here creates
   * nothing. Throws `rate_limited`, `draining`, `node_full`, `room_ended`, `room_expired`, or what `Room.enter` throws.
   */
  async join(newcomer: Newcomer): Promise<JoinOutcome> {
    const verdict = await this.#deps.admission.decideAgain(newcomer.admitted, { step: 'join' });
    switch (verdict.kind) {
      case 'refuse':
      case 'redirect':
        return { state: 'apart', ending: endingOf(verdict) };
      case 'admit': {
        if (!newcomer.outlet.open) throw new WatershedError('not_joined', 'the connection is gone');
        const { session } = verdict;
        this.#assertMayJoin(session);
        try {
          return await this.#roomFor(session).enter({ ...newcomer, admitted: session });
        } catch (error) {
          if (error instanceof Apart) return { state: 'apart', ending: endingOf(error.verdict) };
          throw error;
        }
      }
    }
  }

  #assertMayJoin({ claims }: AdmittedSession): void {
    const joins = claims.sub === undefined ? this.#sharedJoins : this.#joins;
    if (joins.take(`${claims.room} ${identityOf(claims)}`) === 0) return;
    throw new WatershedError('rate_limited', 'joins of this participant');
  }

  #roomFor(session: AdmittedSession): Room {
    const { room: id, role } = session.claims;
    if (this.#draining) throw new WatershedError('draining');
    const open = this.#rooms.get(id);
    if (open !== undefined) return open;
    const ended = this.#ended.get(id);
    if (ended !== undefined) {
      if (ended.untilMs > this.#deps.clock.monotonicMs() && role !== 'host') {
        throw new WatershedError(ended.code);
      }
      this.#ended.delete(id);
    }
    if (this.#rooms.size >= this.#deps.limits.roomsPerNode) throw new WatershedError('node_full');
    const room = new Room(id, this.#deps, (closed, code) => this.#forget(closed, code));
    this.#rooms.set(id, room);
    return room;
  }

  #forget(room: Room, code: ClosedBy): void {
    this.#rooms.delete(room.id);
    if (code !== 'room_ended' && code !== 'room_expired') return;
    this.#ended.delete(room.id);
    const untilMs = this.#deps.clock.monotonicMs() + this.#deps.limits.endedSeconds * 1000;
    this.#ended.set(room.id, { code, untilMs });
    for (const [id, entry] of this.#ended) {
      if (this.#ended.size <= ENDED_MAX && entry.untilMs > this.#deps.clock.monotonicMs()) break;
      this.#ended.delete(id);
    }
  }

  /** For a switch of policy: whatever it forbids is closed first, then every stay is decided anew. */
  rejudgeAll(): Promise<void> {
    return rejudgeEveryone([...this.#rooms.values()], this.#deps);
  }

  /** No new rooms and no new members from now on. */
  stopAccepting(): void {
    this.#draining = true;
  }

  /** Ends every room; idempotent. */
  close(): void {
    this.#draining = true;
    for (const room of [...this.#rooms.values()]) room.close('draining');
  }
}
