import type { Heartbeat } from '../cluster/heartbeat.ts';
import { CACHE_MS } from '../cluster/roster.ts';
import type { Sessions } from '../signaling/session-host.ts';

/** How a node's sessions end. In ms. */
export interface DrainTimes {
  /** How long calls are given to end by themselves; 0 for a node that goes now. */
  readonly waitMs: number;
  /** From the first who is told to go elsewhere to the last who is cut. */
  readonly handOverMs: number;
  /** False: there is no time for seats elsewhere, and everyone finds one afterwards. */
  readonly newPlaceFirst: boolean;
}

/** A registry that does not answer is not waited for: the lease ends by itself. */
const ANNOUNCE_MS = 1000;
/** Until other nodes' directories know, whom everyone who is sent away asks at once. */
const SETTLE_MS = CACHE_MS + 100;
/** Never aborted. */
const PATIENT = new AbortController().signal;

/**
 * Takes a node out of service in order: no new rooms and nobody new, the directory leaves it out, then everyone
 * who is here is handed over: seated elsewhere first, where there is a place.
 */
export class Drain {
  readonly #heartbeat: Pick<Heartbeat, 'drain'>;
  readonly #sessions: Pick<Sessions, 'stopAccepting' | 'whenEmpty' | 'handOver' | 'sendAway'>;
  readonly #hasten = new AbortController();
  #announced: Promise<void> | null = null;
  #handedOver: Promise<void> | null = null;

  constructor(
    heartbeat: Pick<Heartbeat, 'drain'>,
    sessions: Pick<Sessions, 'stopAccepting' | 'whenEmpty' | 'handOver' | 'sendAway'>,
  ) {
    this.#heartbeat = heartbeat;
    this.#sessions = sessions;
  }

  get active(): boolean {
    return this.#announced !== null;
  }

  /** Resolves once nobody is here. Called again it can only hasten: with a wait of 0, one under way ends. */
  async run({ waitMs, handOverMs, newPlaceFirst }: DrainTimes): Promise<void> {
    this.#sessions.stopAccepting();
    this.#announced ??= within(this.#heartbeat.drain(), ANNOUNCE_MS);
    if (waitMs === 0) this.#hasten.abort();
    await this.#announced;
    await this.#sessions.whenEmpty(SETTLE_MS, PATIENT);
    await this.#sessions.whenEmpty(waitMs, this.#hasten.signal);
    this.#handedOver ??= newPlaceFirst
      ? this.#sessions.handOver(handOverMs)
      : this.#sessions.sendAway(handOverMs);
    await this.#handedOver;
  }
}

async function within(promise: Promise<void>, ms: number): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  await Promise.race([promise, late]);
  clearTimeout(timer);
}
