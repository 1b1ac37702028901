/** One merged picture of who speaks, from the observers of all of a room's routers. */

const MIN_INTERVAL_MS = 300;
const MAX_VOLUMES = 8;

export interface Speaking {
  dominant: string | null;
  volumes: { peerId: string; volume: number }[];
}

interface RouterSpeakers {
  volumes: Speaking['volumes'];
  dominant: string | null;
}

export class Speakers {
  readonly #emit: (speaking: Speaking) => void;
  readonly #onDominant: (peerId: string) => void;
  readonly #routers = new Map<unknown, RouterSpeakers>();
  #dominant: string | null = null;
  #said = '';
  #saidAt = Number.NEGATIVE_INFINITY;
  #timer: NodeJS.Timeout | undefined;
  #closed = false;

  /** `onDominant` is told at once of each new dominant speaker; `emit` at most every 300 ms, and on change. */
  constructor(emit: (speaking: Speaking) => void, onDominant: (peerId: string) => void) {
    this.#emit = emit;
    this.#onDominant = onDominant;
  }

  /** Who is dominant; null in silence. */
  get dominant(): string | null {
    return this.#dominant;
  }

  /** Volumes in dBov of a router's speakers, loudest first; none in silence. */
  volumes(router: unknown, volumes: Speaking['volumes']): void {
    this.#of(router).volumes = volumes;
    this.#update();
  }

  dominantOf(router: unknown, peerId: string): void {
    this.#of(router).dominant = peerId;
    this.#update();
  }

  /** The router or the peer is gone. */
  forget(router: unknown): void {
    if (this.#routers.delete(router)) this.#update();
  }

  forgetPeer(peerId: string): void {
    for (const speakers of this.#routers.values()) {
      speakers.volumes = speakers.volumes.filter((entry) => entry.peerId !== peerId);
      if (speakers.dominant === peerId) speakers.dominant = null;
    }
    this.#update();
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  #of(router: unknown): RouterSpeakers {
    let speakers = this.#routers.get(router);
    if (!speakers) {
      speakers = { volumes: [], dominant: null };
      this.#routers.set(router, speakers);
    }
    return speakers;
  }

  #update(): void {
    if (this.#closed) return;
    const dominant = this.#findDominant();
    if (dominant !== this.#dominant) {
      this.#dominant = dominant;
      if (dominant !== null) this.#onDominant(dominant);
    }
    this.#timer ??= setTimeout(
      () => this.#flush(),
      Math.max(0, this.#saidAt + MIN_INTERVAL_MS - performance.now()),
    );
  }

  /** Each router knows its own dominant speaker; of several, the one that is loudest now. */
  #findDominant(): string | null {
    let found: string | null = null;
    let loudest = Number.NEGATIVE_INFINITY;
    for (const { dominant, volumes } of this.#routers.values()) {
      if (dominant === null || volumes.length === 0) continue;
      // The one who holds the floor keeps it while drawing breath, unless somebody elsewhere is heard.
      const volume = volumes.find((entry) => entry.peerId === dominant)?.volume ?? -127;
      if (volume > loudest || (volume === loudest && dominant === this.#dominant)) {
        found = dominant;
        loudest = volume;
      }
    }
    return found;
  }

  #flush(): void {
    this.#timer = undefined;
    const volumes = [...this.#routers.values()]
      .flatMap((speakers) => speakers.volumes)
      .sort((a, b) => b.volume - a.volume)
      .slice(0, MAX_VOLUMES);
    const speaking = { dominant: this.#dominant, volumes };
    const said = JSON.stringify(speaking);
    if (said === this.#said) return;
    this.#said = said;
    this.#saidAt = performance.now();
    this.#emit(speaking);
  }
}
