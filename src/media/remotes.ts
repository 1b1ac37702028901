import type { Logger } from 'pino';
import { WatershedError } from '../protocol/errors.ts';
import { kindOfSource } from '../protocol/state.ts';
import { statsOf } from './node-pipe.ts';
import { PipeIn } from './pipe-in.ts';
import type { Publication } from './publication.ts';
import { type RemoteHost, RemoteLeg } from './remote-leg.ts';
import type { RoomRouter } from './room-router.ts';
import type { MediaOptions, PipeSource, PipeStats, RemoteProducer } from './types.ts';

/** What a room does for what other nodes' peers publish in it. */
export interface RemotesHost extends Pick<RemoteHost, 'wants' | 'offer' | 'withdraw' | 'changed' | 'vacate'> {
  published(publication: Publication): void;
  unpublished(publication: Publication): void;
  /** A peer at another node publishes its first; its last is gone. */
  came(peerId: string): void;
  went(peerId: string): void;
}

/** What the peers of a room at other nodes publish, and the pipes that bring it here. */
export class Remotes {
  readonly #host: RemotesHost;
  readonly #options: MediaOptions;
  readonly #logger: Logger;
  readonly #legs = new Map<string, RemoteLeg>();
  readonly #pipes = new Map<string, PipeIn>();

  constructor(host: RemotesHost, options: MediaOptions, logger: Logger) {
    this.#host = host;
    this.#options = options;
    this.#logger = logger;
  }

  add(described: RemoteProducer, from: PipeSource): RemoteLeg {
    const { producerId, peerId, kind, source } = described;
    const { producersPerPeer, keyFrameInterval } = this.#options.limits;
    if (kindOfSource(source) !== kind) {
      throw new WatershedError('unsupported_media', `${source} is not ${kind}`);
    }
    if (this.#of(peerId).length >= producersPerPeer) throw new WatershedError('too_many_producers');
    const { wants, offer, withdraw, changed, vacate } = this.#host;
    const leg = new RemoteLeg(described, from, {
      logger: this.#logger,
      keyFrameInterval,
      pipeFrom: (node, router, seat) => this.#pipeFrom(node, router, seat),
      wants,
      offer,
      withdraw,
      changed,
      vacate,
      closed: (closed) => this.#closed(closed),
    });
    this.#legs.set(producerId, leg);
    this.#host.came(peerId);
    this.#host.published(leg);
    return leg;
  }

  /** Legs were judged: what is now piped here for nobody closes at once. */
  judged(): void {
    for (const leg of this.#legs.values()) leg.judged();
  }

  routerDied(router: RoomRouter): void {
    for (const leg of [...this.#legs.values()]) leg.routerDied(router);
  }

  async stats(): Promise<PipeStats[]> {
    const stats = await Promise.all([...this.#pipes.values()].map((pipe) => statsOf(pipe, 'in')));
    return stats.flatMap((stat) => stat ?? []);
  }

  close(): void {
    for (const leg of [...this.#legs.values()]) leg.close();
  }

  #of(peerId: string): RemoteLeg[] {
    return [...this.#legs.values()].filter((leg) => leg.peerId === peerId);
  }

  #closed(leg: RemoteLeg): void {
    this.#legs.delete(leg.id);
    this.#host.unpublished(leg);
    if (this.#of(leg.peerId).length === 0) this.#host.went(leg.peerId);
  }

  #pipeFrom(node: string, router: string, seat: RoomRouter): PipeIn {
    const key = JSON.stringify([node, router, seat.router.id]);
    let pipe = this.#pipes.get(key);
    if (!pipe) {
      const made: PipeIn = new PipeIn(node, seat, this.#options.pipes, () => {
        if (this.#pipes.get(key) === made) this.#pipes.delete(key);
      });
      this.#pipes.set(key, made);
      pipe = made;
    }
    return pipe;
  }
}
