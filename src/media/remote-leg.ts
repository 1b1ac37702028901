import type { Logger } from 'pino';
import type { MediaKind } from '../protocol/rtp.ts';
import type { ProducerInfo, Source } from '../protocol/state.ts';
import type { ConsumerLeg } from './consumer-leg.ts';
import { guarded, unattended } from './guard.ts';
import { Landing } from './landing.ts';
import type { PipeIn } from './pipe-in.ts';
import { type Hold, highestWanted, type Publication } from './publication.ts';
import type { RoomRouter } from './room-router.ts';
import type { PipeSource, RemoteProducer, RemotePublication } from './types.ts';

/** What was lost or refused is asked for again after this long, then twice as long each time, in ms. */
const FIRST_RETRY_MS = 500;
const MAX_RETRY_MS = 15_000;

/** What a remote publication needs of its room. */
export interface RemoteHost {
  readonly logger: Logger;
  readonly keyFrameInterval: number;
  /** The pipe from a router of another node to one of ours, shared by all that comes that way. */
  pipeFrom(node: string, router: string, seat: RoomRouter): PipeIn;
  /** Whether anybody here is, or is about to be, sent it: nobody is whom the gate does not let have it. */
  wants(publication: Publication): boolean;
  /** Offers it to everybody here who has it not. */
  offer(publication: Publication): void;
  /** Closes everybody's consumers of it. */
  withdraw(publication: Publication): void;
  /** Paused or resumed. */
  changed(publication: Publication): void;
  /** Nothing may arrive at this router any more. */
  vacate(router: RoomRouter): void;
  /** The publication is over. */
  closed(leg: RemoteLeg): void;
}

/** One source that a peer at another node publishes, piped here while somebody here consumes it. */
export class RemoteLeg implements Publication, RemotePublication {
  readonly watchers = new Set<ConsumerLeg>();
  readonly #from: PipeSource;
  readonly #host: RemoteHost;
  #described: RemoteProducer;
  #landing: Landing | undefined;
  /** Where it landed, when that is gone with its whole worker: the room says so once its peers know. */
  #stranded: RoomRouter | undefined;
  #failures = 0;
  #retry: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(described: RemoteProducer, from: PipeSource, host: RemoteHost) {
    this.#described = described;
    this.#from = from;
    this.#host = host;
  }

  get id(): string {
    return this.#described.producerId;
  }

  get peerId(): string {
    return this.#described.peerId;
  }

  get kind(): MediaKind {
    return this.#described.kind;
  }

  get source(): Source {
    return this.#described.source;
  }

  get topLayer(): number {
    return this.#described.topLayer;
  }

  get pausedBy(): 'publisher' | 'host' | null {
    return this.#described.pausedBy;
  }

  get closed(): boolean {
    return this.#closed;
  }

  get info(): ProducerInfo {
    const { id: producerId, kind, source } = this;
    return { producerId, kind, source, paused: this.pausedBy !== null };
  }

  hold(seat: RoomRouter): Hold {
    this.#landing ??= this.#land(seat);
    return this.#landing.hold(seat);
  }

  watchersChanged(): void {
    this.#landing?.consumed(highestWanted(this.watchers));
  }

  /** What it is (its peer, kind and source) never changes, whatever the far node may say. */
  update(described: RemoteProducer): void {
    if (this.#closed) return;
    const before = this.#described;
    const { pausedBy, topLayer, router } = described;
    this.#described = { ...before, pausedBy, paused: pausedBy !== null, topLayer, router };
    if (router !== before.router) this.#landAnew();
    if (pausedBy !== before.pausedBy) this.#switched();
    this.#host.offer(this);
  }

  /** Ends the piping at once where the gate lets nobody here have it any more. */
  judged(): void {
    if (!this.#host.wants(this)) this.#landing?.close();
  }

  /** One of our routers is gone. What came here through it comes through another. */
  routerDied(router: RoomRouter): void {
    if (this.#landing?.router === router || this.#stranded === router) this.#landAnew();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    clearTimeout(this.#retry);
    this.#landing?.close();
    this.#host.closed(this);
  }

  #land(seat: RoomRouter): Landing {
    const landing: Landing = new Landing({
      landed: this,
      pipe: this.#host.pipeFrom(this.#from.node, this.#described.router, seat),
      from: this.#from,
      keyFrameInterval: this.#host.keyFrameInterval,
      logger: this.#host.logger,
      wanted: () => !this.#closed && this.#host.wants(this),
      ended: (lost) => {
        if (this.#landing === landing) this.#landing = undefined;
        if (!landing.router.running) {
          this.#stranded = landing.router;
          return;
        }
        this.#host.vacate(landing.router);
        if (lost) this.#lost();
      },
    });
    landing.ready
      .then(() => {
        this.#failures = 0;
        this.watchersChanged();
      })
      .catch((error: unknown) => this.#failed(error));
    return landing;
  }

  #landAnew(): void {
    this.#stranded = undefined;
    this.#landing?.close();
    this.#host.withdraw(this);
    setImmediate(() => this.#offer());
  }

  #lost(): void {
    if (this.#closed) return;
    this.#host.logger.info({ node: this.#from.node }, 'media: what came from another node is lost');
    this.#host.withdraw(this);
    this.#later();
  }

  #failed(error: unknown): void {
    // What nobody waits for any more is no failure.
    if (this.#closed || !this.#host.wants(this)) return;
    this.#host.logger.debug({ err: error, node: this.#from.node }, 'media: another node could not pipe');
    this.#later();
  }

  #later(): void {
    clearTimeout(this.#retry);
    const delay = Math.min(MAX_RETRY_MS, FIRST_RETRY_MS * 2 ** this.#failures);
    this.#failures += 1;
    this.#retry = setTimeout(() => this.#offer(), delay);
  }

  #offer(): void {
    guarded(this.#host.logger, 'offer', () => {
      if (!this.#closed) this.#host.offer(this);
    });
  }

  #switched(): void {
    const tell = (): void => {
      for (const watcher of this.watchers) watcher.publisherChanged();
    };
    if (this.pausedBy !== null) tell();
    if (this.#landing) unattended(this.#host.logger, 'switch', this.#landing.align().then(tell));
    this.#host.changed(this);
  }
}
