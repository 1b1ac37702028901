import type { PlacedTile } from './arrange.ts';
import type { CallClient } from './call-client.ts';
import { changesOf, type Wanted, wantedConsumers } from './subscriptions.ts';

/** Changes of one moment (a window being dragged, people turning pages) are asked for together. */
const SETTLE_MS = 350;
/** A window that is out of sight for longer than this stops its videos. */
const HIDDEN_MS = 8000;

/** What came of a wish, and the consumers that it was about. */
interface Answer {
  readonly ids: readonly string[];
  readonly outcome: Awaited<ReturnType<CallClient['setConsumerLayers']>>;
}

/** Asks the node for the videos that are in sight, in a size that fits, and for no others. */
export class Subscriber {
  readonly #client: CallClient;
  readonly #offs: (() => void)[];
  #placed: readonly PlacedTile[] = [];
  #inForce = new Map<string, Wanted>();
  #timer: number | undefined;
  #hiddenTimer: number | undefined;
  #visible = document.visibilityState === 'visible';
  readonly #onVisibility = () => {
    window.clearTimeout(this.#hiddenTimer);
    if (document.visibilityState === 'visible') this.#setVisible(true);
    else this.#hiddenTimer = window.setTimeout(() => this.#setVisible(false), HIDDEN_MS);
  };

  constructor(client: CallClient) {
    this.#client = client;
    document.addEventListener('visibilitychange', this.#onVisibility);
    this.#offs = [
      // The library sets a new consumer going by itself: what was asked for before no longer counts.
      client.on('track', ({ consumerId }) => this.#forget(consumerId)),
      client.on('trackEnded', ({ consumerId }) => this.#forget(consumerId)),
      // What could not be asked while there was no socket.
      client.on('status', () => this.#schedule()),
    ];
  }

  /** What is in sight now. */
  show(placed: readonly PlacedTile[]): void {
    this.#placed = placed;
    this.#schedule();
  }

  close(): void {
    window.clearTimeout(this.#timer);
    window.clearTimeout(this.#hiddenTimer);
    document.removeEventListener('visibilitychange', this.#onVisibility);
    for (const off of this.#offs) off();
  }

  #setVisible(visible: boolean): void {
    this.#visible = visible;
    this.#schedule();
  }

  #forget(consumerId: string): void {
    this.#inForce.delete(consumerId);
    this.#schedule();
  }

  #schedule(): void {
    window.clearTimeout(this.#timer);
    this.#timer = window.setTimeout(() => void this.#apply(), SETTLE_MS);
  }

  async #apply(): Promise<void> {
    if (this.#client.status !== 'joined') return;
    const videos = this.#client.tracks.filter(({ kind }) => kind === 'video');
    const wanted = wantedConsumers(videos, this.#placed, window.devicePixelRatio, this.#visible);
    const { pause, resume, layers, priorities } = changesOf(wanted, this.#inForce);
    this.#inForce = wanted;
    // Wishes: one that fails (a consumer that has just closed, a socket that is being resumed) is asked again
    // with the next change.
    const asked: Promise<Answer>[] = [
      ...layers.map(async ({ consumerId, spatialLayer }) => ({
        ids: [consumerId],
        outcome: await this.#client.setConsumerLayers(consumerId, spatialLayer),
      })),
      ...priorities.map(async ({ consumerId, priority }) => ({
        ids: [consumerId],
        outcome: await this.#client.setConsumerPriority(consumerId, priority),
      })),
    ];
    if (pause.length > 0) asked.push(this.#setPaused(pause, true));
    if (resume.length > 0) asked.push(this.#setPaused(resume, false));
    for (const { ids, outcome } of await Promise.all(asked)) {
      if (!outcome.ok) for (const id of ids) this.#inForce.delete(id);
    }
  }

  async #setPaused(ids: readonly string[], paused: boolean): Promise<Answer> {
    return { ids, outcome: await this.#client.setConsumersPaused(ids, paused) };
  }
}
