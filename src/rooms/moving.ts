import type { ErrorCode } from '../protocol/errors.ts';
import type { Redirect } from '../protocol/events.ts';
import type { Timer } from './clock.ts';
import { refusalOf } from './ending.ts';
import { notification } from './notification.ts';
import type { Peer } from './peer.ts';
import type { RoomDeps } from './ports.ts';
import type { Room } from './room.ts';

/** How long a member has to be seated elsewhere, once the room cannot be here any more or the node goes. */
export const MOVE_SECONDS = 10;

/** Members that are moving to another datacenter: the new place first, then this one is left. */
export class Moving {
  readonly #room: Pick<Room, 'drop'>;
  readonly #deps: Pick<RoomDeps, 'clock' | 'policyDigest'>;
  readonly #timers = new Map<string, Timer>();

  constructor(room: Pick<Room, 'drop'>, deps: Pick<RoomDeps, 'clock' | 'policyDigest'>) {
    this.#room = room;
    this.#deps = deps;
  }

  /** Tells a member where to go, and removes it if it has not gone in time; null: there is nowhere to go. */
  start(peer: Peer, redirect: Redirect | null): void {
    if (this.#timers.has(peer.id)) return;
    if (redirect === null) {
      this.#refuse(peer, 'no_datacenter_up');
      return;
    }
    peer.outlet.notify(notification('move', { redirect, seconds: MOVE_SECONDS }));
    const timer = this.#deps.clock.after(MOVE_SECONDS * 1000, () => {
      this.#room.drop(peer, 'policy', { kind: 'redirect', redirect });
    });
    this.#timers.set(peer.id, timer);
  }

  /** The peer is gone; true when it was moving. */
  left(peerId: string): boolean {
    this.#timers.get(peerId)?.cancel();
    return this.#timers.delete(peerId);
  }

  close(): void {
    for (const timer of this.#timers.values()) timer.cancel();
    this.#timers.clear();
  }

  #refuse(peer: Peer, code: ErrorCode): void {
    const refusal = { ...refusalOf(code, this.#deps.policyDigest()), rule: 'common' };
    this.#room.drop(peer, 'policy', { kind: 'refused', refusal });
  }
}
