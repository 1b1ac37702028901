import type { types } from 'mediasoup';
import type { Logger } from 'pino';
import { WatershedError } from '../protocol/errors.ts';
import { MEDIA_CODECS } from './codecs.ts';
import { guarded, unattended } from './guard.ts';
import { PipeLink } from './pipe-link.ts';
import type { Hold, Origin } from './publication.ts';
import type { MediaLimits, MediaOptions } from './types.ts';
import type { WorkerLife } from './worker-life.ts';

/** The level observer wants ten packets in an interval: at 50 packets/s, this leaves room for jitter. */
const LEVEL_INTERVAL_MS = 400;
const SPEAKER_INTERVAL_MS = 300;
const SPEAKER_THRESHOLD_DBOV = -60;
const MAX_SPEAKERS = 8;
/** Consent freshness, RFC 7675 section 5.1. Never 0, which would switch the check off. */
const ICE_CONSENT_TIMEOUT_S = 30;

/** What a room hears of one of its routers. Speakers are named by producer. */
export interface RoomRouterListener {
  /** The worker is gone, and all that the router held with it. */
  died(router: RoomRouter): void;
  volumes(router: RoomRouter, volumes: { producerId: string; volume: number }[]): void;
  dominant(router: RoomRouter, producerId: string): void;
}

/** A producer of another router, copied here for as long as somebody here consumes it. */
interface Copy {
  readonly ready: Promise<types.Producer>;
  users: number;
}

/** A room's router on one worker, with the peers that are seated on it and what is piped to them. */
export class RoomRouter {
  readonly life: WorkerLife;
  readonly router: types.Router;
  readonly peers = new Set<string>();
  readonly #levels: types.AudioLevelObserver;
  readonly #active: types.ActiveSpeakerObserver;
  readonly #keyFrameInterval: number;
  readonly #logger: Logger;
  readonly #copies = new Map<Origin, Copy>();
  readonly #links = new Map<RoomRouter, Promise<PipeLink>>();
  /** Producers of other nodes that arrive here, on their way to whichever router of the room. */
  landings = 0;
  #consumers = 0;
  #closed = false;

  private constructor(
    life: WorkerLife,
    router: types.Router,
    levels: types.AudioLevelObserver,
    active: types.ActiveSpeakerObserver,
    keyFrameInterval: number,
    listener: RoomRouterListener,
    logger: Logger,
  ) {
    this.#keyFrameInterval = keyFrameInterval;
    this.life = life;
    this.router = router;
    this.#levels = levels;
    this.#active = active;
    this.#logger = logger;
    life.routers += 1;
    levels.on('volumes', (volumes) =>
      guarded(logger, 'volumes', () =>
        listener.volumes(
          this,
          volumes.map(({ producer, volume }) => ({ producerId: producer.id, volume })),
        ),
      ),
    );
    levels.on('silence', () => guarded(logger, 'silence', () => listener.volumes(this, [])));
    active.on('dominantspeaker', ({ producer }) =>
      guarded(logger, 'dominantspeaker', () => listener.dominant(this, producer.id)),
    );
    router.on('workerclose', () =>
      guarded(logger, 'workerclose', () => {
        if (this.#closed) return;
        this.close();
        listener.died(this);
      }),
    );
  }

  static async open(
    life: WorkerLife,
    { keyFrameInterval }: MediaLimits,
    listener: RoomRouterListener,
    logger: Logger,
  ): Promise<RoomRouter> {
    life.placed += 1;
    const router = await life.worker.createRouter({ mediaCodecs: [...MEDIA_CODECS] });
    try {
      const [levels, active] = await Promise.all([
        router.createAudioLevelObserver({
          maxEntries: MAX_SPEAKERS,
          threshold: SPEAKER_THRESHOLD_DBOV,
          interval: LEVEL_INTERVAL_MS,
        }),
        router.createActiveSpeakerObserver({ interval: SPEAKER_INTERVAL_MS }),
      ]);
      return new RoomRouter(life, router, levels, active, keyFrameInterval, listener, logger);
    } catch (error) {
      if (!router.closed && life.running) router.close();
      throw error;
    }
  }

  get running(): boolean {
    return !this.#closed && this.life.running;
  }

  /** Consumers of peers seated here. */
  get consumers(): number {
    return this.#consumers;
  }

  countConsumer(change: 1 | -1): void {
    if (this.#closed) return;
    this.#consumers += change;
    this.life.consumers += change;
  }

  /** A transport for a peer, with its share of the bandwidth. */
  async createTransport(
    direction: 'send' | 'receive',
    { enableUdp, enableTcp, limits }: MediaOptions,
  ): Promise<types.WebRtcTransport> {
    const transport = await this.router.createWebRtcTransport({
      webRtcServer: this.life.server,
      enableUdp,
      enableTcp,
      preferUdp: true,
      iceConsentTimeout: ICE_CONSENT_TIMEOUT_S,
      initialAvailableOutgoingBitrate: limits.initialOutgoingBitrate,
      enableSctp: false,
    });
    try {
      if (direction === 'send') await transport.setMaxIncomingBitrate(limits.maxIncomingBitrate);
      else await transport.setMaxOutgoingBitrate(limits.maxOutgoingBitrate);
      return transport;
    } catch (error) {
      transport.close();
      throw error;
    }
  }

  /** Listens to a producer that arrives here for who speaks. */
  listenTo(producer: types.Producer): void {
    const { id: producerId } = producer;
    unattended(this.#logger, 'levels', this.#levels.addProducer({ producerId }));
    unattended(this.#logger, 'active', this.#active.addProducer({ producerId }));
  }

  /** Makes a producer of another router of the room available here, once for all who want it. */
  hold(origin: Origin, home: RoomRouter): Hold {
    if (home === this) return { ready: Promise.resolve(), release: () => {} };
    let copy = this.#copies.get(origin);
    if (!copy) {
      copy = { ready: this.#copy(origin, home), users: 0 };
      this.#copies.set(origin, copy);
    }
    const held = copy;
    held.users += 1;
    let released = false;
    return {
      ready: held.ready.then(() => {}),
      release: () => {
        if (released) return;
        released = true;
        this.#release(origin, held);
      },
    };
  }

  /** Another router of the room is gone; what came from it is, too. */
  forget(other: RoomRouter): void {
    const link = this.#links.get(other);
    this.#links.delete(other);
    if (link)
      unattended(
        this.#logger,
        'pipe',
        link.then((open) => open.close()),
      );
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.life.routers -= 1;
    this.life.consumers -= this.#consumers;
    this.#consumers = 0;
    for (const other of [...this.#links.keys()]) this.forget(other);
    this.#copies.clear();
    this.router.close();
  }

  #release(origin: Origin, copy: Copy): void {
    copy.users -= 1;
    if (copy.users > 0) return;
    if (this.#copies.get(origin) === copy) this.#copies.delete(origin);
    unattended(
      this.#logger,
      'pipe',
      copy.ready.then((producer) => producer.close()),
    );
  }

  async #copy(origin: Origin, home: RoomRouter): Promise<types.Producer> {
    const link = await this.#linkFrom(home);
    const copy = await link.carry(origin.producer, this.#keyFrameInterval);
    origin.copies.add(copy);
    copy.observer.once('close', () => origin.copies.delete(copy));
    // The publisher may have paused or closed while the copy was being made.
    if (origin.closed) copy.close();
    else if (origin.pausedBy !== null && !copy.paused) await copy.pause();
    else if (origin.pausedBy === null && copy.paused) await copy.resume();
    if (copy.closed) throw new WatershedError('not_found');
    return copy;
  }

  #linkFrom(home: RoomRouter): Promise<PipeLink> {
    let link = this.#links.get(home);
    if (!link) {
      link = PipeLink.open(home.router, this.router);
      this.#links.set(home, link);
      // A failed link is tried anew by the next who needs it.
      link.catch(() => this.#links.delete(home));
    }
    return link;
  }
}
