import type { CompiledPolicy } from '../../policy/compile.ts';
import type { Live, SeatList } from '../../policy/routing.ts';
import { COMMON, type FederationDeps, type WhoIsUp } from './deps.ts';
import { leadsSomewhere } from './placement.ts';
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
  /** How often a place was looked for in vain, by member. */
  readonly #tries = new Map<string, number>();
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
    if (this.#running || this.#pending().length === 0) return;
    this.#running = true;
    this.#run()
      .catch((error: unknown) => this.#deps.log.error({ err: error }, 'members could not be moved'))
      .finally(() => {
        this.#running = false;
      });
  }

  close(): void {
    this.#closed = true;
  }

  /** By the policy of this moment: it may be switched whenever something is waited for. */
  #pending(live: Live = () => true): ReturnType<FindOutside> {
    const p = this.#deps.policy();
    if (p === null || this.#find === null) return [];
    return this.#find(p, live).filter(({ place }) => !this.#told.has(place.peerId));
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      const { common } = this.#pending()[0] ?? {};
      if (common === undefined) return;
      const up = await this.#deps.liveness([...common]).catch(() => null);
      for (const { place, list } of this.#pending(up?.isLive ?? (() => false))) {
        if (this.#closed) return;
        if (up !== null && (await this.#lead(place, list, up))) this.#told.add(place.peerId);
        else this.#missed(place);
      }
      if (this.#pending().length > 0) await new Promise((resolve) => setTimeout(resolve, PAUSE_MS));
    }
  }

  /** Tells a member where to go; false where that is nowhere now. Never rejects: the others are led all the same. */
  async #lead(place: Place, list: SeatList, up: WhoIsUp): Promise<boolean> {
    if (!leadsSomewhere(list)) return false;
    const { policy, redirect, decided, log } = this.#deps;
    const p = policy();
    try {
      const told = await redirect(place, this.#room.id, list, up);
      // What was signed under another policy may lead where nobody is admitted any more.
      if (this.#closed || policy() !== p) return false;
      decided(place, this.#room.id, 'redirect', 'room_moved', COMMON, told);
      this.#room.relocate(place.peerId, told);
      return true;
    } catch (error) {
      log.warn({ err: error }, 'a member could not be told where to go');
      return false;
    }
  }

  #missed(place: Place): void {
    const tries = (this.#tries.get(place.peerId) ?? 0) + 1;
    this.#tries.set(place.peerId, tries);
    if (tries <= TRIES) return;
    this.#told.add(place.peerId);
    this.#deps.decided(place, this.#room.id, 'refuse', 'no_datacenter_up', COMMON);
    this.#room.relocate(place.peerId, null);
  }
}
