import { setTimeout as sleep } from 'node:timers/promises';
import type { Participant } from '../../../loadtest/participant/participant.ts';
import { waitFor } from '../../testing/wait.ts';

/** Stamped packets decrypted so far, by the peer that sent them. */
export async function heard(participant: Participant): Promise<Map<string, number>> {
  const counts = new Map<string, number>();
  for (const { peerId, stamped } of (await participant.stats()).received) {
    counts.set(peerId, (counts.get(peerId) ?? 0) + stamped);
  }
  return counts;
}

export function seatOf({ client }: Participant): string | undefined {
  return client.seat?.datacenter;
}

/** As a peer of the room, while it is seated. */
export function ownId({ client }: Participant): string {
  return client.room?.peerId ?? '';
}

export async function hears(listener: Participant, speaker: Participant): Promise<void> {
  await waitFor('media', async () => ((await heard(listener)).get(ownId(speaker)) ?? 0) > 40);
}

type Listener = Pick<Participant, 'stats'>;
type Speaker = { readonly client: { readonly room: { readonly peerId: string } | null } };

/** One source of one speaker, as its listener hears it. */
interface Heard {
  /** Stamped packets by consumer: a move brings new ones, which count from nothing. */
  readonly counts: Map<string, number>;
  last: number;
  longest: number;
}

/**
 * The longest time in which a participant heard nothing of one of these speakers' sources, in ms: of each source by
 * itself, from its first packet on, and up to the moment of the question, so that what stopped for good is seen.
 */
export class GapWatch {
  readonly #loop: Promise<void>;
  readonly #streams = new Map<string, Heard>();
  /** Every id that each speaker has had: those who move or rejoin get another. */
  readonly #ids: readonly Set<string>[];
  readonly #speakers: readonly Speaker[];
  #running = true;

  constructor(listener: Listener, speakers: readonly Speaker[]) {
    this.#speakers = speakers;
    this.#ids = speakers.map(() => new Set());
    this.#loop = this.#watch(listener);
  }

  /** Ends the watch. Infinity where one of the speakers was never heard. */
  async longest(): Promise<number> {
    this.#running = false;
    await this.#loop;
    const now = performance.now();
    const perSpeaker = this.#speakers.map((_, n) => {
      const own = [...this.#streams].filter(([key]) => key.startsWith(`${n} `)).map(([, heard]) => heard);
      return own.length === 0
        ? Number.POSITIVE_INFINITY
        : Math.max(...own.map(({ longest, last }) => Math.max(longest, now - last)));
    });
    return Math.max(...perSpeaker);
  }

  async #watch(listener: Listener): Promise<void> {
    do {
      for (const [n, { client }] of this.#speakers.entries()) {
        if (client.room !== null) this.#ids[n]?.add(client.room.peerId);
      }
      const { received } = await listener.stats();
      const now = performance.now();
      for (const { peerId, consumerId, source, stamped } of received) {
        const n = this.#ids.findIndex((ids) => ids.has(peerId));
        if (n >= 0 && stamped > 0) this.#note(`${n} ${source}`, consumerId, stamped, now);
      }
      await sleep(50);
    } while (this.#running);
  }

  #note(key: string, consumerId: string, stamped: number, now: number): void {
    let heard = this.#streams.get(key);
    if (heard === undefined) {
      heard = { counts: new Map(), last: now, longest: 0 };
      this.#streams.set(key, heard);
    }
    if (stamped <= (heard.counts.get(consumerId) ?? 0)) return;
    heard.counts.set(consumerId, stamped);
    heard.longest = Math.max(heard.longest, now - heard.last);
    heard.last = now;
  }
}
