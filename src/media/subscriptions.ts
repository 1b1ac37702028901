import type { types } from 'mediasoup';
import { WatershedError } from '../protocol/errors.ts';
import type { ConsumerInfo } from '../protocol/state.ts';
import { ConsumerLeg, type PausedBy } from './consumer-leg.ts';
import { guarded } from './guard.ts';
import type { PeerHost } from './peer-host.ts';
import type { PeerTransports } from './peer-transports.ts';
import type { Hold, Publication } from './publication.ts';
import type { RoomRouter } from './room-router.ts';
import { capabilitiesOfKind } from './rtp.ts';

/** How long announced consumers wait for others that are still being made, so that a client negotiates once. */
const BATCH_MS = 25;

export interface SubscriptionsListener {
  created(consumers: ConsumerInfo[]): void;
  closed(consumerId: string): void;
  paused(consumerId: string, by: PausedBy): void;
  resumed(consumerId: string): void;
  layers(consumerId: string, layers: types.ConsumerLayers | undefined): void;
}

/** One publication as this peer gets it; without a leg while it is being made. */
interface Entry {
  readonly publication: Publication;
  readonly seat: RoomRouter;
  /** Keeps the publication at the seat while it is consumed. */
  readonly hold: Hold;
  leg: ConsumerLeg | undefined;
}

/** Everything that one peer is sent. */
export class Subscriptions {
  readonly #peerId: string;
  readonly #host: PeerHost;
  readonly #transports: PeerTransports;
  readonly #listener: SubscriptionsListener;
  readonly #entries = new Map<string, Entry>();
  readonly #legs = new Map<string, Entry & { leg: ConsumerLeg }>();
  #capabilities: Readonly<Record<types.MediaKind, types.RtpCapabilities>> | undefined;
  #making = 0;
  #flush: NodeJS.Immediate | undefined;
  #flushLater: NodeJS.Timeout | undefined;
  #refused = 0;

  constructor(peerId: string, host: PeerHost, transports: PeerTransports, listener: SubscriptionsListener) {
    this.#peerId = peerId;
    this.#host = host;
    this.#transports = transports;
    this.#listener = listener;
  }

  setCapabilities(capabilities: types.RtpCapabilities): void {
    this.#capabilities = {
      audio: capabilitiesOfKind(capabilities, 'audio'),
      video: capabilitiesOfKind(capabilities, 'video'),
    };
  }

  /** Whether this peer is, or is about to be, sent a publication. */
  has(producerId: string): boolean {
    return this.#entries.has(producerId);
  }

  publications(): Publication[] {
    return [...this.#entries.values()].map(({ publication }) => publication);
  }

  all(): ConsumerLeg[] {
    return [...this.#legs.values()].map(({ leg }) => leg);
  }

  /** Throws `not_found`. */
  byId(consumerId: string): ConsumerLeg {
    const entry = this.#legs.get(consumerId);
    if (!entry) throw new WatershedError('not_found');
    return entry.leg;
  }

  /**
   * Makes a consumer of a publication if this peer can receive, may have it, and has none yet. A peer at its
   * limit goes without (there is nobody to answer with an error); it is offered everything again when a
   * consumer of its closes.
   */
  offer(publication: Publication): void {
    const receive = this.#transports.get('receive');
    const capabilities = this.#capabilities?.[publication.kind];
    if (!receive || !capabilities || publication.peerId === this.#peerId) return;
    if (publication.closed || this.#entries.has(publication.id)) return;
    if (this.#entries.size >= this.#host.options.limits.consumersPerPeer) {
      this.#refused += 1;
      if (this.#refused === 1) {
        this.#host.logger.warn({ code: 'too_many_consumers' }, 'media: a peer goes without some consumers');
      }
      return;
    }
    try {
      this.#host.gate.assertConsume(publication.peerId, this.#peerId);
    } catch {
      // The gate has recorded its decision. There is no asker to answer: the consumer is just not made.
      return;
    }
    const { seat, transport } = receive;
    const entry: Entry = { publication, seat, hold: publication.hold(seat), leg: undefined };
    this.#entries.set(publication.id, entry);
    this.#making += 1;
    this.#make(entry, transport, capabilities)
      .catch((error: unknown) => {
        if (this.#entries.get(publication.id) === entry) this.#entries.delete(publication.id);
        this.#host.logger.debug({ err: error }, 'media: a consumer could not be made');
      })
      .finally(() => {
        this.#making -= 1;
        this.#scheduleFlush();
      });
  }

  /** Applies to those that (still) exist; `not_found` when none does. */
  async forEach(consumerIds: readonly string[], act: (leg: ConsumerLeg) => Promise<void>): Promise<void> {
    const legs = [...new Set(consumerIds)].flatMap((id) => this.#legs.get(id)?.leg ?? []);
    if (legs.length === 0) throw new WatershedError('not_found');
    await Promise.all(legs.map(act));
  }

  /** The publication is gone, or this peer may not have it any more. Returns the consumer to tell of, if any. */
  drop(producerId: string): string | undefined {
    const entry = this.#entries.get(producerId);
    if (!entry) return undefined;
    this.#entries.delete(producerId);
    this.#discard(entry);
    if (this.#refused > 0) {
      this.#refused = 0;
      setImmediate(() => this.#host.offerAll(this.#peerId));
    }
    return entry.leg?.announced ? entry.leg.id : undefined;
  }

  /** Drops everything, without a word, once `closeTransports` has closed what it flows through. */
  clear(closeTransports: () => void): void {
    const entries = [...this.#entries.values()];
    this.#entries.clear();
    this.#refused = 0;
    closeTransports();
    for (const entry of entries) this.#discard(entry);
  }

  /** Everything that the subscriber knows of. */
  infos(): ConsumerInfo[] {
    return this.all()
      .filter((leg) => leg.announced)
      .map((leg) => leg.info);
  }

  close(): void {
    clearImmediate(this.#flush);
    clearTimeout(this.#flushLater);
  }

  /** What is still being made notices by itself that its entry is gone. */
  #discard({ leg, seat, hold }: Entry): void {
    if (!leg) return;
    this.#legs.delete(leg.id);
    leg.close();
    seat.countConsumer(-1);
    hold.release();
  }

  async #make(
    entry: Entry,
    transport: types.WebRtcTransport,
    rtpCapabilities: types.RtpCapabilities,
  ): Promise<void> {
    const { publication, hold } = entry;
    const judged = this.#host.judgement;
    let made = false;
    try {
      await hold.ready;
      // Whether the capabilities suffice is checked here, by mediasoup, once.
      const consumer = await transport.consume({
        producerId: publication.id,
        rtpCapabilities,
        paused: true,
      });
      try {
        const current = this.#entries.get(publication.id) === entry;
        if (!current || publication.closed || consumer.closed) throw new WatershedError('not_found');
        if (this.#host.judgement !== judged) {
          this.#host.gate.assertConsume(publication.peerId, this.#peerId);
        }
      } catch (error) {
        consumer.close();
        throw error;
      }
      this.#add(entry, consumer);
      made = true;
    } finally {
      if (!made) hold.release();
    }
  }

  #add(entry: Entry, consumer: types.Consumer): void {
    const { publication, seat } = entry;
    const leg: ConsumerLeg = new ConsumerLeg(
      consumer,
      publication,
      {
        paused: (by) => this.#listener.paused(leg.id, by),
        resumed: () => this.#listener.resumed(leg.id),
        layers: (layers) => this.#listener.layers(leg.id, layers),
      },
      this.#host.logger,
    );
    entry.leg = leg;
    this.#legs.set(leg.id, { publication, seat, hold: entry.hold, leg });
    seat.countConsumer(1);
    if (!this.#host.forwards(this.#peerId, publication)) leg.forward(false);
    leg.defaultPriority(this.#host.priorityOf(publication));
    consumer.observer.once('close', () =>
      guarded(this.#host.logger, 'consumer close', () => {
        // Closed by the worker alone. When the whole worker is gone, the peer is reset instead.
        if (!seat.running || this.#entries.get(publication.id) !== entry) return;
        const told = this.drop(publication.id);
        if (told !== undefined) this.#listener.closed(told);
      }),
    );
  }

  #scheduleFlush(): void {
    if (this.#making > 0) {
      this.#flushLater ??= setTimeout(() => this.#announce(), BATCH_MS);
    } else {
      this.#flush ??= setImmediate(() => this.#announce());
    }
  }

  #announce(): void {
    clearImmediate(this.#flush);
    clearTimeout(this.#flushLater);
    this.#flush = undefined;
    this.#flushLater = undefined;
    const legs = this.all().filter((leg) => !leg.announced && !leg.closed);
    const described = legs.flatMap((leg) => this.#describe(leg) ?? []);
    if (described.length === 0) return;
    this.#listener.created(described.map(({ info }) => info));
    for (const { leg } of described) leg.announce();
  }

  /**
   * A consumer with what its subscriber is told of it. Nobody can be told of one whose parameters the protocol has
   * no form for: it is given up, and logged, and the others are announced without it.
   */
  #describe(leg: ConsumerLeg): { readonly leg: ConsumerLeg; readonly info: ConsumerInfo } | undefined {
    try {
      return { leg, info: leg.info };
    } catch (error) {
      this.#host.logger.error(
        { err: error, source: leg.source.source },
        'media: a consumer cannot be told of',
      );
      const entry = this.#entries.get(leg.source.id);
      this.#entries.delete(leg.source.id);
      if (entry !== undefined) this.#discard(entry);
      return undefined;
    }
  }
}
