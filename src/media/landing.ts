import type { types } from 'mediasoup';
import type { Logger } from 'pino';
import { WatershedError } from '../protocol/errors.ts';
import type { Source } from '../protocol/state.ts';
import { guarded } from './guard.ts';
import { align, Steps } from './node-pipe.ts';
import type { PipeIn } from './pipe-in.ts';
import type { Hold, Origin } from './publication.ts';
import type { RoomRouter } from './room-router.ts';
import { toRtpParameters } from './rtp.ts';
import type { PipeSource } from './types.ts';
import { WantedLayers } from './wanted-layers.ts';

/** How long a producer is still piped here after its last consumer went: people turn pages back and forth. */
const LINGER_MS = 1_000;

/** The publication that lands. */
export interface Landed {
  readonly id: string;
  readonly peerId: string;
  readonly kind: types.MediaKind;
  readonly source: Source;
  readonly topLayer: number;
  readonly pausedBy: 'publisher' | 'host' | null;
}

export interface LandingOptions {
  readonly landed: Landed;
  readonly pipe: PipeIn;
  readonly from: PipeSource;
  readonly keyFrameInterval: number;
  readonly logger: Logger;
  /** Whether anybody here may, and is to, consume it now: without that nothing more is done for it. */
  wanted(): boolean;
  /** It is over, whoever ended it; `lost` unless this side did. Once. */
  ended(lost: boolean): void;
}

/** One arrival of another node's producer at one of our routers, from the asking to the end. */
export class Landing implements Origin {
  readonly router: RoomRouter;
  readonly copies = new Set<types.Producer>();
  /** Rejects when it fails; it is closed then. */
  readonly ready: Promise<void>;
  readonly #options: LandingOptions;
  readonly #steps: Steps;
  #producer: types.Producer | undefined;
  #wanted: WantedLayers | undefined;
  #users = 0;
  #linger: NodeJS.Timeout | undefined;
  #asked = false;
  #closed = false;

  constructor(options: LandingOptions) {
    this.#options = options;
    this.#steps = new Steps(options.logger);
    this.router = options.pipe.router;
    this.router.landings += 1;
    options.pipe.use();
    this.ready = this.#open().catch((error: unknown) => {
      this.close();
      throw error;
    });
    // Whoever holds it hears of it; a landing whose only holder has gone meanwhile has nobody to tell.
    this.ready.catch(() => {});
  }

  get id(): string {
    return this.#options.landed.id;
  }

  get producer(): types.Producer {
    if (!this.#producer) throw new WatershedError('not_found');
    return this.#producer;
  }

  get pausedBy(): 'publisher' | 'host' | null {
    return this.#options.landed.pausedBy;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Makes it available at a router of the room, by way of the one where it lands. */
  hold(seat: RoomRouter): Hold {
    clearTimeout(this.#linger);
    this.#users += 1;
    let copy: Hold | undefined;
    let released = false;
    const ready = this.ready.then(async () => {
      if (released || this.#closed) throw new WatershedError('not_found');
      copy = seat.hold(this, this.router);
      await copy.ready;
    });
    return {
      ready,
      release: () => {
        if (released) return;
        released = true;
        copy?.release();
        this.#users -= 1;
        if (this.#users === 0 && !this.#closed) this.#linger = setTimeout(() => this.close(), LINGER_MS);
      },
    };
  }

  /** Pauses or resumes as the publication is now. */
  align(): Promise<void> {
    return this.#steps.run(async () => {
      if (!this.#producer) return;
      const paused = this.pausedBy !== null;
      await Promise.all([this.#producer, ...this.copies].map((producer) => align(producer, paused)));
    });
  }

  /** The highest layer that is consumed here. */
  consumed(spatialLayer: number | null): void {
    this.#wanted?.update(spatialLayer);
  }

  close(): void {
    this.#end(false);
  }

  async #open(): Promise<void> {
    const { landed, pipe, from, keyFrameInterval } = this.#options;
    const { id: producerId, peerId, kind } = landed;
    const request = { pipeId: pipe.pipeId, producerId, peerId, end: await pipe.end() };
    this.#assertWanted();
    this.#asked = true;
    const answer = await from.open(request, () => {
      this.#asked = false;
      this.#end(true);
    });
    this.#assertWanted();
    await pipe.connect(answer.end);
    this.#assertWanted();
    const producer = await pipe.produce({
      id: producerId,
      kind,
      rtpParameters: toRtpParameters(answer.rtpParameters),
      paused: landed.pausedBy !== null,
      keyFrameRequestDelay: keyFrameInterval,
    });
    this.#producer = producer;
    producer.observer.once('close', () => this.#end(true));
    this.#assertWanted();
    if (landed.source === 'microphone') this.router.listenTo(producer);
    this.#wanted = new WantedLayers(landed.topLayer, (layer) => from.wanted(producerId, layer));
    await this.align();
    this.#assertWanted();
  }

  #assertWanted(): void {
    if (this.#closed || !this.#options.wanted()) throw new WatershedError('not_found');
  }

  #end(lost: boolean): void {
    if (this.#closed) return;
    this.#closed = true;
    const { landed, pipe, from, logger, ended } = this.#options;
    clearTimeout(this.#linger);
    this.#wanted?.close();
    this.#producer?.close();
    for (const copy of this.copies) copy.close();
    this.copies.clear();
    if (this.#asked) {
      guarded(logger, 'release', () => from.release({ pipeId: pipe.pipeId, producerId: landed.id }));
    }
    pipe.leave();
    this.router.landings -= 1;
    ended(lost);
  }
}
