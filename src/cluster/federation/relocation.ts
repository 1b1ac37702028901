import type { CompiledPolicy } from '../../policy/compile.ts';
import type { Live, SeatList } from '../../policy/routing.ts';
import { COMMON, type FederationDeps } from './deps.ts';
import type { LocalRoom, Place } from './types.ts';

/** Tries to find a place for a member that has to go, and the time between them: less than its removal is due. */
const TRIES = 8;
const PAUSE_MS = 1000;

/** Who sits outside what the room has in common, and where each may go, by who is up. */
export type FindOutside = (
  p: CompiledPolicy,
  live: Live,
) => readonly { readonly place: Place; readonly list: SeatList; readonly common: ReadonlySet<string> }[];

/** Moves members who sit where their room cannot be any more: each is told once where it may go. */
export class Relocation {
  readonly #deps: FederationDeps;
  readonly #room: LocalRoom;
  readonly #told = new Set<string>();
  #find: FindOutside | null = null;
  #running = false;
  #closed = false;

  constructor(deps: FederationDeps, room: LocalRoom) {
    this.#deps = deps;
    this.#room = room;
  }

  /** Looks, and moves whoever is found; the newest question counts. */
  look(find: FindOutside): void {
    this.#find = find;
    const p = this.#deps.policy();
    if (p === null || this.#running || !this.#pending(p).length) return;
    this.#running = true;
    void this.#run().finally(() => {
      this.#running = false;
    });
  }

  close(): void {
    this.#closed = true;
  }

  #pending(p: CompiledPolicy, live: Live = () => true): ReturnType<FindOutside> {
    return (this.#find?.(p, live) ?? []).filter(({ place }) => !this.#told.has(place.peerId));
  }

  async #run(): Promise<void> {
    for (let n = 0; !this.#closed; n += 1) {
      const p = this.#deps.policy();
      if (p === null) return;
      const { common } = this.#pending(p)[0] ?? {};
      if (common === undefined) return;
      const liveness = await this.#deps.liveness([...common]).catch(() => null);
      if (this.#closed) return;
      for (const { place, list } of this.#pending(p, liveness?.isLive ?? (() => false))) {
        const anywhere = list.primaries.length + list.secondaries.length > 0;
        if (liveness !== null && anywhere) {
          this.#told.add(place.peerId);
          const redirect = await this.#deps.redirect(place, this.#room.id, list, liveness);
          this.#deps.decided(place, this.#room.id, 'redirect', 'room_moved', COMMON, redirect);
          this.#room.relocate(place.peerId, redirect);
        } else if (n >= TRIES) {
          this.#told.add(place.peerId);
          this.#deps.decided(place, this.#room.id, 'refuse', 'no_datacenter_up', COMMON);
          this.#room.relocate(place.peerId, null);
        }
      }
      if (this.#pending(p).length > 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }
}
