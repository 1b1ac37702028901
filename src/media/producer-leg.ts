import { parseScalabilityMode, type types } from 'mediasoup';
import type { MediaKind } from '../protocol/rtp.ts';
import type { ProducerInfo, Source } from '../protocol/state.ts';
import type { ConsumerLeg } from './consumer-leg.ts';
import { type Hold, highestWanted, type Origin, type Publication, type Watcher } from './publication.ts';
import type { RoomRouter } from './room-router.ts';
import { WantedLayers } from './wanted-layers.ts';

/** Another node that is sent this producer. */
export interface PipedTo extends Watcher {
  close(): void;
}

/** One source that a peer of this node publishes, at the router where it arrives, with all who watch it. */
export class ProducerLeg implements Publication, Origin {
  readonly producer: types.Producer;
  readonly peerId: string;
  readonly source: Source;
  readonly home: RoomRouter;
  readonly watchers = new Set<ConsumerLeg>();
  readonly pipes = new Set<PipedTo>();
  /** Copies of the producer at the room's other routers, which pause and resume with it. */
  readonly copies = new Set<types.Producer>();
  readonly topLayer: number;
  #pausedBy: 'publisher' | 'host' | null;
  #wanted: WantedLayers | undefined;

  constructor(producer: types.Producer, peerId: string, source: Source, home: RoomRouter) {
    this.producer = producer;
    this.peerId = peerId;
    this.source = source;
    this.home = home;
    this.#pausedBy = producer.paused ? 'publisher' : null;
    const { encodings = [] } = producer.rtpParameters;
    const only = encodings.length === 1 ? encodings[0]?.scalabilityMode : undefined;
    this.topLayer =
      encodings.length > 1 ? encodings.length - 1 : parseScalabilityMode(only).spatialLayers - 1;
  }

  get id(): string {
    return this.producer.id;
  }

  get kind(): MediaKind {
    return this.producer.kind;
  }

  get closed(): boolean {
    return this.producer.closed;
  }

  get pausedBy(): 'publisher' | 'host' | null {
    return this.#pausedBy;
  }

  get info(): ProducerInfo {
    return { producerId: this.id, kind: this.kind, source: this.source, paused: this.#pausedBy !== null };
  }

  hold(seat: RoomRouter): Hold {
    return seat.hold(this, this.home);
  }

  /** Begins to tell the publisher which layers are watched; only where there is more than one stream to stop. */
  announceWanted(announce: (spatialLayer: number | null) => void): void {
    if (this.kind !== 'video' || this.producer.type === 'simple') return;
    this.#wanted = new WantedLayers(this.topLayer, announce);
    this.watchersChanged();
  }

  watchersChanged(): void {
    if (!this.#wanted || this.closed) return;
    this.#wanted.update(highestWanted([...this.watchers, ...this.pipes]));
  }

  /** Pauses for everybody. False when it was paused already. */
  async pause(by: 'publisher' | 'host'): Promise<boolean> {
    if (this.#pausedBy !== null) return false;
    this.#pausedBy = by;
    for (const watcher of this.watchers) watcher.publisherChanged();
    await this.#everywhere((producer) => producer.pause());
    return true;
  }

  async resume(): Promise<boolean> {
    if (this.#pausedBy === null) return false;
    this.#pausedBy = null;
    await this.#everywhere((producer) => producer.resume());
    for (const watcher of this.watchers) watcher.publisherChanged();
    return true;
  }

  close(): void {
    this.#wanted?.close();
    // What leaves the node goes first.
    for (const pipe of [...this.pipes]) pipe.close();
    this.producer.close();
    for (const copy of this.copies) copy.close();
    this.copies.clear();
  }

  /** A copy fails only when its worker is gone, which is not the publisher's concern. */
  async #everywhere(change: (producer: types.Producer) => Promise<void>): Promise<void> {
    const copies = Promise.allSettled([...this.copies].map(change));
    await change(this.producer);
    await copies;
  }
}
