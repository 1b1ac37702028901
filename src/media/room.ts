import { EventEmitter } from 'node:events';
import type { Logger } from 'pino';
import { WatershedError } from '../protocol/errors.ts';
import { Forwarding } from './forwarding.ts';
import { guarded } from './guard.ts';
import { judgeLegs } from './judge.ts';
import { Peer } from './peer.ts';
import type { PeerHost } from './peer-host.ts';
import { PipesOut } from './pipes-out.ts';
import { ProducerLeg } from './producer-leg.ts';
import type { Publication } from './publication.ts';
import { Remotes } from './remotes.ts';
import type { RoomRouter } from './room-router.ts';
import { Seating } from './seating.ts';
import { Speakers } from './speakers.ts';
import type {
  MediaGate,
  MediaOptions,
  MediaRoom,
  MediaRoomEvents,
  MediaRoomOptions,
  PipeAnswer,
  PipedProducer,
  PipeOut,
  PipeRequest,
  PipeSource,
  PipeStats,
  PipeTarget,
  RemoteProducer,
  RemotePublication,
} from './types.ts';
import type { WorkerPool } from './worker-pool.ts';

/** The media side of a room: its peers, who of them sees whom, and on which workers. */
export class Room extends EventEmitter<MediaRoomEvents> implements MediaRoom, PeerHost {
  readonly roomId: string;
  readonly gate: MediaGate;
  readonly options: MediaOptions;
  readonly logger: Logger;
  readonly #peers = new Map<string, Peer>();
  /** Of peers here and at other nodes. */
  readonly #publications = new Map<string, Publication>();
  readonly #forwarding: Forwarding;
  readonly #remotes: Remotes;
  readonly #pipesOut: PipesOut;
  readonly #seating: Seating;
  readonly #speakers: Speakers;
  readonly #onClose: (room: Room) => void;
  #judgement = 0;
  #closed = false;

  private constructor(
    roomId: string,
    { lastN, gate }: MediaRoomOptions,
    options: MediaOptions,
    pool: WorkerPool,
    logger: Logger,
    onClose: (room: Room) => void,
  ) {
    super();
    this.setMaxListeners(0);
    this.roomId = roomId;
    this.gate = gate;
    this.options = options;
    this.logger = logger;
    this.#onClose = onClose;
    this.#forwarding = new Forwarding(
      lastN,
      { publications: () => this.#publications.values(), subscribers: () => this.#peers.values() },
      logger,
    );
    this.#speakers = new Speakers(
      (speaking) => this.#tell(() => this.emit('speakers', speaking)),
      (peerId) => this.#forwarding.dominantChanged(peerId),
    );
    this.#seating = new Seating(
      pool,
      options.limits,
      (router) => this.#expectedConsumers(router),
      {
        died: (router) => this.#routerDied(router),
        volumes: (router, volumes) =>
          this.#speakers.volumes(
            router,
            volumes.flatMap(({ producerId, volume }) => {
              const peerId = this.#publications.get(producerId)?.peerId;
              return peerId === undefined ? [] : [{ peerId, volume }];
            }),
          ),
        dominant: (router, producerId) => {
          const peerId = this.#publications.get(producerId)?.peerId;
          if (peerId !== undefined) this.#speakers.dominantOf(router, peerId);
        },
      },
      logger,
    );
    this.#remotes = new Remotes(
      {
        wants: ({ id }) => [...this.#peers.values()].some(({ subscriptions }) => subscriptions.has(id)),
        offer: (publication) => this.#offer(publication),
        withdraw: (publication) => this.#withdraw(publication),
        changed: (publication) => this.#forwarding.changed(publication),
        vacate: (router) => this.#seating.vacate(router),
        published: (publication) => this.published(publication),
        unpublished: (publication) => this.unpublished(publication),
        came: (peerId) => this.#forwarding.add(peerId),
        went: (peerId) => this.#gone(peerId),
      },
      options,
      logger,
    );
    this.#pipesOut = new PipesOut({
      gate,
      options,
      logger,
      local: (producerId) => this.#local(producerId),
      ended: (out) => this.emit('unpiped', out),
    });
  }

  /** Opens the room on the least loaded worker; throws `worker_unavailable`. */
  static async open(
    roomId: string,
    roomOptions: MediaRoomOptions,
    options: MediaOptions,
    pool: WorkerPool,
    logger: Logger,
    onClose: (room: Room) => void,
  ): Promise<Room> {
    const room = new Room(roomId, roomOptions, options, pool, logger, onClose);
    await room.#seating.open();
    return room;
  }

  get judgement(): number {
    return this.#judgement;
  }

  addPeer(peerId: string): Peer {
    if (this.#closed) throw new WatershedError('not_found');
    if (this.#peers.has(peerId)) throw new WatershedError('already_joined');
    const peer = new Peer(peerId, this, () => {
      this.#peers.delete(peerId);
      this.#gone(peerId);
    });
    this.#peers.set(peerId, peer);
    this.#forwarding.add(peerId);
    return peer;
  }

  addRemote(described: RemoteProducer, from: PipeSource): RemotePublication {
    if (this.#closed) throw new WatershedError('not_found');
    if (this.#peers.has(described.peerId)) throw new WatershedError('already_joined');
    if (this.#publications.has(described.producerId)) {
      throw new WatershedError('bad_request', 'a producer of this id is known already');
    }
    return this.#remotes.add(described, from);
  }

  describe(producerId: string): RemoteProducer | undefined {
    const leg = this.#local(producerId);
    if (!leg || leg.closed) return undefined;
    const { info, peerId, pausedBy, topLayer, home } = leg;
    const { type } = leg.producer;
    return { ...info, peerId, pausedBy, topLayer, type, router: home.router.id };
  }

  async pipe(to: PipeTarget, request: PipeRequest): Promise<PipeAnswer> {
    return this.#pipesOut.pipe(to, request);
  }

  unpipe(to: { readonly node: string }, request: PipedProducer): void {
    this.#pipesOut.unpipe(to, request);
  }

  setRemoteWanted(node: string, producerId: string, spatialLayer: number | null): void {
    this.#pipesOut.setWanted(node, producerId, spatialLayer);
  }

  pipesOut(): readonly PipeOut[] {
    return this.#pipesOut.all();
  }

  async pipeStats(): Promise<PipeStats[]> {
    return (await Promise.all([this.#pipesOut.stats(), this.#remotes.stats()])).flat();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#pipesOut.close();
    this.#remotes.close();
    for (const peer of [...this.#peers.values()]) peer.close();
    this.#speakers.close();
    this.#forwarding.close();
    this.#seating.close();
    this.#onClose(this);
    guarded(this.logger, 'room event', () => this.emit('closed'));
  }

  seat(peerId: string): Promise<RoomRouter> {
    return this.#seating.seat(peerId);
  }

  unseat(peerId: string): void {
    this.#seating.unseat(peerId);
  }

  published(publication: Publication): void {
    this.#publications.set(publication.id, publication);
    // Only who talks is a speaker: a film on a shared screen is not.
    if (publication instanceof ProducerLeg && publication.source === 'microphone') {
      publication.home.listenTo(publication.producer);
    }
    this.#forwarding.changed(publication);
    this.#offer(publication);
  }

  unpublished(publication: Publication): void {
    this.#publications.delete(publication.id);
    this.#withdraw(publication);
    this.#forwarding.changed(publication);
  }

  publicationChanged(publication: Publication): void {
    this.#forwarding.changed(publication);
  }

  offerAll(peerId: string): void {
    const peer = this.#peers.get(peerId);
    if (!peer) return;
    const publications = [...this.#publications.values()];
    // Audio first: at the limit of consumers, everybody is at least heard.
    publications.sort((a, b) => Number(a.kind === 'video') - Number(b.kind === 'video'));
    for (const publication of publications) peer.subscriptions.offer(publication);
  }

  forwards(watcher: string, publication: Publication): boolean {
    return this.#forwarding.forwards(watcher, publication);
  }

  priorityOf(publication: Publication): number {
    return this.#forwarding.priorityOf(publication);
  }

  rejudge(peerId: string): void {
    this.#judgement += 1;
    // First close all that is forbidden, what leaves this node before all else, then tell.
    this.#pipesOut.judge(peerId);
    const tells = judgeLegs(this.gate, {
      peerId,
      peer: this.#peers.get(peerId),
      publications: this.#of(peerId),
      peers: [...this.#peers.values()],
    });
    this.#remotes.judged();
    for (const tell of tells) tell();
    // And what was forbidden may be allowed now.
    this.offerAll(peerId);
    for (const publication of this.#of(peerId)) this.#offer(publication);
  }

  #routerDied(router: RoomRouter): void {
    const peers = this.#seating.died(router);
    this.#speakers.forget(router);
    this.logger.warn({ worker: router.life.index, peers: peers.length }, 'media: room lost a worker');
    for (const peerId of peers) this.#peers.get(peerId)?.reset('worker_died');
    this.#remotes.routerDied(router);
  }

  /** One consumer for each of the router's peers and each producer of somebody else. */
  #expectedConsumers(router: RoomRouter): number {
    let own = 0;
    for (const { peerId } of this.#publications.values()) {
      if (router.peers.has(peerId)) own += 1;
    }
    return router.peers.size * this.#publications.size - own;
  }

  #of(peerId: string): Publication[] {
    return [...this.#publications.values()].filter((publication) => publication.peerId === peerId);
  }

  #local(producerId: string): ProducerLeg | undefined {
    const publication = this.#publications.get(producerId);
    return publication instanceof ProducerLeg ? publication : undefined;
  }

  #offer(publication: Publication): void {
    for (const peer of this.#peers.values()) peer.subscriptions.offer(publication);
  }

  #withdraw({ id }: Publication): void {
    for (const tell of [...this.#peers.values()].map((peer) => peer.unsubscribe(id))) tell();
  }

  /** A peer is gone, from here or from another node. */
  #gone(peerId: string): void {
    this.#forwarding.remove(peerId);
    this.#speakers.forgetPeer(peerId);
  }

  #tell(emit: () => void): void {
    if (!this.#closed) guarded(this.logger, 'room event', emit);
  }
}
