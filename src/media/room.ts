import { EventEmitter } from 'node:events';
import type { Logger } from 'pino';
import { WatershedError } from '../protocol/errors.ts';
import { guarded } from './guard.ts';
import { Peer } from './peer.ts';
import type { PeerHost, Publication } from './peer-host.ts';
import type { RoomRouter } from './room-router.ts';
import { Seating } from './seating.ts';
import { SpeakerOrder } from './speaker-order.ts';
import { Speakers } from './speakers.ts';
import type { MediaGate, MediaOptions, MediaRoom, MediaRoomEvents, MediaRoomOptions } from './types.ts';
import type { WorkerPool } from './worker-pool.ts';

/** Shares of a subscriber's bandwidth: screens first, then who speaks, then the others evenly. */
const PRIORITY = { screen: 40, dominant: 20, other: 1 } as const;

/** The media side of a room: its peers, who of them sees whom, and on which workers. */
export class Room extends EventEmitter<MediaRoomEvents> implements MediaRoom, PeerHost {
  readonly roomId: string;
  readonly gate: MediaGate;
  readonly options: MediaOptions;
  readonly logger: Logger;
  readonly #lastN: number | null;
  readonly #peers = new Map<string, Peer>();
  readonly #publications = new Map<string, { publication: Publication; home: RoomRouter }>();
  readonly #seating: Seating;
  readonly #speakers: Speakers;
  readonly #order = new SpeakerOrder();
  readonly #onClose: (room: Room) => void;
  #judgement = 0;
  #featured: string | null = null;
  #forwarding: NodeJS.Immediate | undefined;
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
    this.#lastN = lastN;
    this.#onClose = onClose;
    this.#speakers = new Speakers(
      (speaking) => this.#tell(() => this.emit('speakers', speaking)),
      (peerId) => this.#dominantChanged(peerId),
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
              const peerId = this.#publications.get(producerId)?.publication.peerId;
              return peerId === undefined ? [] : [{ peerId, volume }];
            }),
          ),
        dominant: (router, producerId) => {
          const peerId = this.#publications.get(producerId)?.publication.peerId;
          if (peerId !== undefined) this.#speakers.dominantOf(router, peerId);
        },
      },
      logger,
    );
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
      this.#order.remove(peerId);
      this.#speakers.forgetPeer(peerId);
      this.#scheduleForwarding();
    });
    this.#peers.set(peerId, peer);
    this.#order.add(peerId);
    return peer;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const peer of [...this.#peers.values()]) peer.close();
    this.#speakers.close();
    clearImmediate(this.#forwarding);
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

  homeOf(publication: Publication): RoomRouter | undefined {
    return this.#publications.get(publication.id)?.home;
  }

  published(publication: Publication, home: RoomRouter): void {
    this.#publications.set(publication.id, { publication, home });
    // Only who talks is a speaker: a film on a shared screen is not.
    if (publication.source === 'microphone') home.listenTo(publication.producer);
    if (publication.source === 'camera') this.#scheduleForwarding();
    for (const peer of this.#peers.values()) peer.subscriptions.offer(publication);
  }

  unpublished(publication: Publication): void {
    this.#publications.delete(publication.id);
    for (const tell of [...this.#peers.values()].map((peer) => peer.unsubscribe(publication.id))) tell();
    if (publication.source === 'camera') this.#scheduleForwarding();
  }

  publicationChanged(publication: Publication): void {
    if (publication.source === 'camera') this.#scheduleForwarding();
  }

  offerAll(peerId: string): void {
    const peer = this.#peers.get(peerId);
    if (!peer) return;
    const publications = [...this.#publications.values()].map(({ publication }) => publication);
    // Audio first: at the limit of consumers, everybody is at least heard.
    publications.sort((a, b) => Number(a.kind === 'video') - Number(b.kind === 'video'));
    for (const publication of publications) peer.subscriptions.offer(publication);
  }

  forwards(watcher: string, publication: Publication): boolean {
    if (this.#lastN === null || publication.source !== 'camera') return true;
    return this.#seenBy(watcher, this.#lastN).has(publication.peerId);
  }

  priorityOf(publication: Publication): number {
    if (publication.kind === 'audio') return PRIORITY.other;
    if (publication.source === 'screen') return PRIORITY.screen;
    return publication.peerId === this.#featured ? PRIORITY.dominant : PRIORITY.other;
  }

  rejudge(peerId: string): void {
    const peer = this.#peers.get(peerId);
    if (!peer) return;
    this.#judgement += 1;
    const refused = this.#refusal(() => this.gate.assertTransport(peerId));
    if (refused) {
      peer.forbid(refused.error);
      return;
    }
    // First close all that is forbidden, then tell.
    const tells: (() => void)[] = [];
    if (this.#refusal(() => this.gate.assertProduce(peerId))) {
      for (const publication of peer.publications.all()) tells.push(peer.withdraw(publication));
    }
    for (const publication of peer.publications.all()) {
      for (const other of this.#peers.values()) {
        if (other.subscriptions.has(publication.id)) tells.push(...this.#judgeConsume(publication, other));
      }
    }
    for (const publication of peer.subscriptions.publications()) {
      tells.push(...this.#judgeConsume(publication, peer));
    }
    for (const tell of tells) tell();
    // And what was forbidden may be allowed now.
    this.offerAll(peerId);
    for (const publication of peer.publications.all()) {
      for (const other of this.#peers.values()) other.subscriptions.offer(publication);
    }
  }

  #judgeConsume(publication: Publication, consumer: Peer): (() => void)[] {
    const refused = this.#refusal(() => this.gate.assertConsume(publication.peerId, consumer.peerId));
    return refused ? [consumer.unsubscribe(publication.id)] : [];
  }

  #refusal(check: () => void): { error: unknown } | undefined {
    try {
      check();
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  #routerDied(router: RoomRouter): void {
    const peers = this.#seating.died(router);
    this.#speakers.forget(router);
    this.logger.warn({ worker: router.life.index, peers: peers.length }, 'media: room lost a worker');
    for (const peerId of peers) this.#peers.get(peerId)?.reset('worker_died');
  }

  /** One consumer for each of the router's peers and each producer of somebody else. */
  #expectedConsumers(router: RoomRouter): number {
    let own = 0;
    for (const { publication } of this.#publications.values()) {
      if (router.peers.has(publication.peerId)) own += 1;
    }
    return router.peers.size * this.#publications.size - own;
  }

  #dominantChanged(peerId: string): void {
    const before = this.#featured;
    if (before === peerId) return;
    this.#featured = peerId;
    for (const { publication } of this.#publications.values()) {
      if (publication.peerId !== peerId && publication.peerId !== before) continue;
      const priority = this.priorityOf(publication);
      for (const leg of publication.watchers) leg.defaultPriority(priority);
    }
    if (this.#lastN === null) return;
    this.#order.speaks(peerId, this.#lastN, this.#hasCamera());
    this.#scheduleForwarding();
  }

  #scheduleForwarding(): void {
    if (this.#lastN === null || this.#closed) return;
    this.#forwarding ??= setImmediate(() => {
      this.#forwarding = undefined;
      guarded(this.logger, 'lastN', () => this.#applyForwarding());
    });
  }

  #applyForwarding(): void {
    const lastN = this.#lastN;
    if (lastN === null) return;
    for (const peer of this.#peers.values()) {
      const seen = this.#seenBy(peer.peerId, lastN);
      for (const leg of peer.subscriptions.all()) {
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
    for (const { publication } of this.#publications.values()) {
      if (publication.source === 'camera' && publication.pausedBy === null) peers.add(publication.peerId);
    }
    return (peerId) => peers.has(peerId);
  }

  #tell(emit: () => void): void {
    if (!this.#closed) guarded(this.logger, 'room event', emit);
  }
}
