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

/** The longest time in which a participant heard nobody, in ms, from when this is made. */
export class GapWatch {
  readonly #loop: Promise<void>;
  #running = true;
  #longest = 0;

  constructor(listener: Participant) {
    this.#loop = this.#watch(listener);
  }

  async longest(): Promise<number> {
    this.#running = false;
    await this.#loop;
    return this.#longest;
  }

  async #watch(listener: Participant): Promise<void> {
    let last = performance.now();
    let total = 0;
    while (this.#running) {
      const now = [...(await heard(listener)).values()].reduce((sum, count) => sum + count, 0);
      // Counts begin anew with the consumers of another node.
      if (now !== total && now > 0) {
        this.#longest = Math.max(this.#longest, performance.now() - last);
        last = performance.now();
        total = now;
      }
      await sleep(50);
    }
  }
}
