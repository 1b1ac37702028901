import { parseScalabilityMode, type types } from 'mediasoup';
import type { MediaKind } from '../protocol/rtp.ts';
import type { ProducerInfo, Source } from '../protocol/state.ts';
import { WantedLayers } from './wanted-layers.ts';

/** What a producer needs to know of its subscribers. */
export interface Watcher {
  /** The spatial layer that this consumer is to get at most; null when it is paused. */
  readonly wantedLayer: number | null;
  /** The publisher has paused or resumed. */
  publisherChanged(): void;
}

/** One source that a peer publishes, at the router where it arrives, with all who watch it. */
export class ProducerLeg<W extends Watcher = Watcher> {
  readonly producer: types.Producer;
  readonly peerId: string;
  readonly source: Source;
  readonly watchers = new Set<W>();
  /** Copies of the producer at the room's other routers, which pause and resume with it. */
  readonly copies = new Set<types.Producer>();
  /** The highest spatial layer that is sent. */
  readonly topLayer: number;
  #pausedBy: 'publisher' | 'host' | null;
  #wanted: WantedLayers | undefined;

  constructor(producer: types.Producer, peerId: string, source: Source) {
    this.producer = producer;
    this.peerId = peerId;
    this.source = source;
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

  /** Begins to tell the publisher which layers are watched; only where there is more than one stream to stop. */
  announceWanted(announce: (spatialLayer: number | null) => void): void {
    if (this.kind !== 'video' || this.producer.type === 'simple') return;
    this.#wanted = new WantedLayers(this.topLayer, announce);
    this.watchersChanged();
  }

  /** Somebody came, went, paused, resumed or chose other layers. */
  watchersChanged(): void {
    if (!this.#wanted || this.closed) return;
    let wanted: number | null = null;
    for (const { wantedLayer } of this.watchers) {
      if (wantedLayer !== null && (wanted === null || wantedLayer > wanted)) wanted = wantedLayer;
    }
    this.#wanted.update(wanted);
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
