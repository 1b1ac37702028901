import { WatershedError } from '../protocol/errors.ts';
import type { Clock, Timer } from './clock.ts';
import type { RoomLimits } from './limits.ts';
import { type Notification, notification } from './notification.ts';
import type { Peer } from './peer.ts';

/** Who waits for a host, and for how long still. Nothing of the room is told to them, no media is made. */
export class WaitingRoom {
  readonly #limits: Pick<RoomLimits, 'waitingSeconds' | 'waitingPerRoom'>;
  readonly #clock: Clock;
  readonly #tellHosts: (notification: Notification) => void;
  readonly #onTimeout: (peer: Peer) => void;
  readonly #waiting = new Map<string, { readonly peer: Peer; timer: Timer }>();

  constructor(
    limits: Pick<RoomLimits, 'waitingSeconds' | 'waitingPerRoom'>,
    clock: Clock,
    hooks: { tellHosts(notification: Notification): void; onTimeout(peer: Peer): void },
  ) {
    this.#limits = limits;
    this.#clock = clock;
    this.#tellHosts = hooks.tellHosts;
    this.#onTimeout = hooks.onTimeout;
  }

  get size(): number {
    return this.#waiting.size;
  }

  /** Everyone who waits, longest first. */
  peers(): Peer[] {
    return [...this.#waiting.values()].map(({ peer }) => peer);
  }

  has(peer: Peer): boolean {
    return this.#waiting.get(peer.id)?.peer === peer;
  }

  /** For hosts. */
  list(): { peerId: string; displayName: string }[] {
    return this.peers().map(({ id, displayName }) => ({ peerId: id, displayName }));
  }

  /** `room_full` when too many wait already. */
  add(peer: Peer): void {
    if (this.#waiting.size >= this.#limits.waitingPerRoom) {
      throw new WatershedError('room_full', 'too many wait to be admitted');
    }
    this.#hold(peer);
    this.#tellHosts(notification('peerWaiting', { peerId: peer.id, displayName: peer.displayName }));
  }

  /** Takes a peer out while it is being admitted, telling nobody yet. `not_found` when it does not wait. */
  take(peerId: string): Peer {
    const entry = this.#waiting.get(peerId);
    if (entry === undefined) throw new WatershedError('not_found', 'nobody waits by this id');
    entry.timer.cancel();
    this.#waiting.delete(peerId);
    return entry.peer;
  }

  /** Puts one back who was taken and could not be admitted; it waits its time anew. */
  restore(peer: Peer): void {
    this.#hold(peer);
  }

  /** Tells the hosts that one who was taken is not waiting any more. */
  settle(peer: Peer): void {
    this.#tellHosts(notification('peerWaitingGone', { peerId: peer.id }));
  }

  /** Takes a peer out for good; false when it was not waiting. */
  remove(peer: Peer): boolean {
    if (!this.#waiting.has(peer.id)) return false;
    this.settle(this.take(peer.id));
    return true;
  }

  #hold(peer: Peer): void {
    const timer = this.#clock.after(this.#limits.waitingSeconds * 1000, () => {
      if (this.remove(peer)) this.#onTimeout(peer);
    });
    this.#waiting.set(peer.id, { peer, timer });
  }
}
