import type { types } from 'mediasoup';
import type { Logger } from 'pino';
import type { ConsumerInfo } from '../protocol/state.ts';
import { guarded, unattended } from './guard.ts';
import type { Publication, Watcher } from './publication.ts';
import { toWireRtpParameters } from './rtp.ts';

/** Why the server does not forward: the subscriber has not begun, does not want it, or sees others (last-N). */
export type Hold = 'initial' | 'subscriber' | 'lastN';
/** What a subscriber is told. */
export type PausedBy = 'publisher' | 'host' | 'lastN' | 'subscriber';

export interface ConsumerLegListener {
  paused(by: PausedBy): void;
  resumed(): void;
  layers(layers: types.ConsumerLayers | undefined): void;
}

/** mediasoup's default priority; what everything that is not singled out has. */
const DEFAULT_PRIORITY = 1;

/** One producer as one subscriber gets it. Forwarded while no hold is on it. */
export class ConsumerLeg implements Watcher {
  readonly consumer: types.Consumer;
  readonly source: Publication;
  readonly #listener: ConsumerLegListener;
  readonly #logger: Logger;
  readonly #holds = new Set<Hold>(['initial']);
  /** What the subscriber believes; `initial` needs no telling, since consumers are announced as paused. */
  #told: PausedBy | 'initial' | null = 'initial';
  #announced = false;
  #applied: Promise<void> = Promise.resolve();
  #priority = DEFAULT_PRIORITY;
  #ownPriority = false;
  #keyFrameAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(consumer: types.Consumer, source: Publication, listener: ConsumerLegListener, logger: Logger) {
    this.consumer = consumer;
    this.source = source;
    this.#listener = listener;
    this.#logger = logger;
    consumer.on('layerschange', (layers) =>
      guarded(logger, 'layerschange', () => {
        if (!this.closed && this.#announced) listener.layers(layers);
      }),
    );
    source.watchers.add(this);
  }

  get id(): string {
    return this.consumer.id;
  }

  get closed(): boolean {
    return this.#closed || this.consumer.closed;
  }

  get info(): ConsumerInfo {
    const { type } = this.consumer;
    return {
      consumerId: this.id,
      producerId: this.source.id,
      peerId: this.source.peerId,
      kind: this.consumer.kind,
      source: this.source.source,
      // Only pipe transports have consumers of type `pipe`.
      type: type === 'pipe' ? 'simple' : type,
      rtpParameters: toWireRtpParameters(this.consumer.rtpParameters),
      producerPaused: this.source.pausedBy !== null,
    };
  }

  get wantedLayer(): number | null {
    if (this.#holds.size > 0) return null;
    return Math.min(
      this.consumer.preferredLayers?.spatialLayer ?? this.source.topLayer,
      this.source.topLayer,
    );
  }

  /** Why the subscriber was told that nothing comes; null where it was not told, or knows from {@link info}. */
  get pausedBy(): PausedBy | null {
    return this.#told === 'initial' || this.#told === 'publisher' ? null : this.#told;
  }

  /** Whether the subscriber knows of this consumer. */
  get announced(): boolean {
    return this.#announced;
  }

  /** The subscriber has just been given {@link info}; from here on it is told of changes. */
  announce(): void {
    this.#announced = true;
    this.#told = this.source.pausedBy === null ? 'initial' : 'publisher';
    this.#tell();
  }

  /** The subscriber pauses; resolves when the worker has done so. */
  async pauseBySubscriber(): Promise<void> {
    this.#holds.delete('initial');
    this.#holds.add('subscriber');
    if (this.#told === null || this.#told === 'initial') this.#told = 'subscriber';
    await this.#apply();
  }

  /** The subscriber can play now; it is told only if something else still holds the media back. */
  async resumeBySubscriber(): Promise<void> {
    this.#holds.delete('initial');
    this.#holds.delete('subscriber');
    if (this.#told === 'initial' || this.#told === 'subscriber') this.#told = null;
    await this.#apply();
  }

  /** Last-N lets this camera through, or not. */
  forward(forwarded: boolean): void {
    if (forwarded !== this.#holds.has('lastN')) return;
    if (forwarded) this.#holds.delete('lastN');
    else this.#holds.add('lastN');
    unattended(this.#logger, 'lastN', this.#apply());
  }

  /** What the subscriber asked for stays; see {@link defaultPriority}. */
  async setPriority(priority: number): Promise<void> {
    this.#ownPriority = true;
    await this.#setPriority(priority);
  }

  /** The room's own idea of what is important, for those who have not said anything. */
  defaultPriority(priority: number): void {
    if (!this.#ownPriority) unattended(this.#logger, 'priority', this.#setPriority(priority));
  }

  async setLayers(spatialLayer: number, temporalLayer: number | undefined): Promise<void> {
    await this.consumer.setPreferredLayers({ spatialLayer, temporalLayer });
    this.source.watchersChanged();
  }

  /** Asks the publisher for a key frame; more often than every `interval` ms does nothing. */
  async requestKeyFrame(interval: number): Promise<void> {
    const now = performance.now();
    if (now - this.#keyFrameAt < interval) return;
    this.#keyFrameAt = now;
    await this.consumer.requestKeyFrame();
  }

  /** The publisher, or a host, has paused or resumed it. */
  publisherChanged(): void {
    this.#tell();
  }

  close(): void {
    this.#closed = true;
    this.source.watchers.delete(this);
    // With a producer the worker closes its consumers: asked to close one of them it logs an error for each.
    if (!this.source.closed) this.consumer.close();
    this.source.watchersChanged();
  }

  async #setPriority(priority: number): Promise<void> {
    if (this.#priority === priority || this.closed) return;
    this.#priority = priority;
    await this.consumer.setPriority(priority);
  }

  /** Brings the worker's consumer in line with the holds, one request at a time. */
  #apply(): Promise<void> {
    this.source.watchersChanged();
    this.#tell();
    const run = async (): Promise<void> => {
      const paused = this.#holds.size > 0;
      if (this.closed || this.consumer.paused === paused) return;
      if (paused) await this.consumer.pause();
      else await this.consumer.resume();
    };
    this.#applied = this.#applied.then(run).catch((error: unknown) => {
      if (!this.closed) this.#logger.warn({ err: error }, 'media: a consumer could not be paused or resumed');
    });
    return this.#applied;
  }

  #tell(): void {
    if (this.closed || !this.#announced) return;
    const now = this.#shown();
    if (now === this.#told) return;
    const known = this.#told;
    this.#told = now;
    if (now !== null && now !== 'initial') {
      guarded(this.#logger, 'consumerPaused', () => this.#listener.paused(now));
    } else if (known !== null && known !== 'initial') {
      guarded(this.#logger, 'consumerResumed', () => this.#listener.resumed());
    }
  }

  #shown(): PausedBy | 'initial' | null {
    if (this.source.pausedBy !== null) return this.source.pausedBy;
    for (const hold of ['lastN', 'subscriber', 'initial'] as const) if (this.#holds.has(hold)) return hold;
    return null;
  }
}
