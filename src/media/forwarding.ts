import type { Logger } from 'pino';
import { guarded } from './guard.ts';
import type { Publication } from './publication.ts';
import { SpeakerOrder } from './speaker-order.ts';
import type { Subscriptions } from './subscriptions.ts';

/** Shares of a subscriber's bandwidth: screens first, then who speaks, then the others evenly. */
const PRIORITY = { screen: 40, dominant: 20, other: 1 } as const;

/** Whom the room gives to whom: last-N over the cameras, and priorities when bandwidth is short. */
export class Forwarding {
  readonly #lastN: number | null;
  readonly #publications: () => Iterable<Publication>;
  readonly #subscribers: () => Iterable<{ peerId: string; subscriptions: Subscriptions }>;
  readonly #logger: Logger;
  readonly #order = new SpeakerOrder();
  #featured: string | null = null;
  #scheduled: NodeJS.Immediate | undefined;
  #closed = false;

  constructor(
    lastN: number | null,
    room: {
      publications: () => Iterable<Publication>;
      subscribers: () => Iterable<{ peerId: string; subscriptions: Subscriptions }>;
    },
    logger: Logger,
  ) {
    this.#lastN = lastN;
    this.#publications = room.publications;
    this.#subscribers = room.subscribers;
    this.#logger = logger;
  }

  /** A peer who may be seen, here or at another node. */
  add(peerId: string): void {
    this.#order.add(peerId);
  }

  remove(peerId: string): void {
    this.#order.remove(peerId);
    this.schedule();
  }

  /** Whether a subscriber is given this publication now. */
  forwards(watcher: string, publication: Publication): boolean {
    if (this.#lastN === null || publication.source !== 'camera') return true;
    return this.#seenBy(watcher, this.#lastN).has(publication.peerId);
  }

  priorityOf(publication: Publication): number {
    if (publication.kind === 'audio') return PRIORITY.other;
    if (publication.source === 'screen') return PRIORITY.screen;
    return publication.peerId === this.#featured ? PRIORITY.dominant : PRIORITY.other;
  }

  /** Came, went, paused or resumed: another camera may take its place. */
  changed(publication: Publication): void {
    if (publication.source === 'camera') this.schedule();
  }

  dominantChanged(peerId: string): void {
    const before = this.#featured;
    if (before === peerId) return;
    this.#featured = peerId;
    for (const publication of this.#publications()) {
      if (publication.peerId !== peerId && publication.peerId !== before) continue;
      const priority = this.priorityOf(publication);
      for (const leg of publication.watchers) leg.defaultPriority(priority);
    }
    if (this.#lastN === null) return;
    this.#order.speaks(peerId, this.#lastN, this.#hasCamera());
    this.schedule();
  }

  /** Applies last-N once, at the end of this turn of the event loop. */
  schedule(): void {
    if (this.#lastN === null || this.#closed) return;
    this.#scheduled ??= setImmediate(() => {
      this.#scheduled = undefined;
      guarded(this.#logger, 'lastN', () => this.#apply());
    });
  }

  close(): void {
    this.#closed = true;
    clearImmediate(this.#scheduled);
  }

  #apply(): void {
    const lastN = this.#lastN;
    if (lastN === null) return;
    for (const { peerId, subscriptions } of this.#subscribers()) {
      const seen = this.#seenBy(peerId, lastN);
      for (const leg of subscriptions.all()) {
        if (leg.source.source === 'camera') leg.forward(seen.has(leg.source.peerId));
      }
    }
  }

  #seenBy(watcher: string, lastN: number): Set<string> {
    return this.#order.first(lastN, watcher, this.#hasCamera());
  }

  /** A camera that is paused takes nobody's place. */
  #hasCamera(): (peerId: string) => boolean {
    const peers = new Set<string>();
    for (const publication of this.#publications()) {
      if (publication.source === 'camera' && publication.pausedBy === null) peers.add(publication.peerId);
    }
    return (peerId) => peers.has(peerId);
  }
}
