import { EventEmitter } from 'node:events';
import { WatershedError } from '../protocol/errors.ts';
import type { TransportInfo, WireDtlsParameters, WireRtpCapabilities } from '../protocol/rtp.ts';
import type { ConsumerInfo, ProducerInfo } from '../protocol/state.ts';
import { arriving } from './bitrate-watch.ts';
import type { PausedBy } from './consumer-leg.ts';
import { guarded, unattended } from './guard.ts';
import { asWatershedError } from './media-error.ts';
import type { PeerHost } from './peer-host.ts';
import { peerStats } from './peer-stats.ts';
import { type Direction, PeerTransports } from './peer-transports.ts';
import type { ProducerLeg } from './producer-leg.ts';
import { Publications } from './publications.ts';
import { toRtpCapabilities } from './rtp.ts';
import { Subscriptions } from './subscriptions.ts';
import type { MediaPeer, MediaPeerEvents, ProduceOptions } from './types.ts';

/** The media side of one peer: its transports, what it publishes and what it is sent. */
export class Peer extends EventEmitter<MediaPeerEvents> implements MediaPeer {
  readonly peerId: string;
  readonly subscriptions: Subscriptions;
  readonly publications: Publications;
  readonly #host: PeerHost;
  readonly #onClose: (peer: Peer) => void;
  readonly #transports: PeerTransports;
  /** Why this peer may have no media here any more. Final: whoever may come back comes as a new peer. */
  #forbidden: WatershedError | undefined;
  #stats: Promise<Record<string, unknown>[]> | undefined;
  #closed = false;

  constructor(peerId: string, host: PeerHost, onClose: (peer: Peer) => void) {
    super();
    this.setMaxListeners(0);
    this.peerId = peerId;
    this.#host = host;
    this.#onClose = onClose;
    this.#transports = new PeerTransports(peerId, host, {
      address: (remoteAddress) => this.#judgeAddress(remoteAddress),
      lost: (direction, transportId) => this.#lost(direction, transportId),
      connectivity: (connected) => this.#tell(() => this.emit('connectivity', { connected })),
      exceeded: (direction, transportId) =>
        unattended(host.logger, 'bitrate', this.#exceeded(direction, transportId)),
    });
    this.publications = new Publications(peerId, host, (producerId, spatialLayer) =>
      this.#tell(() => this.emit('wantedLayers', { producerId, spatialLayer })),
    );
    this.subscriptions = new Subscriptions(peerId, host, this.#transports, {
      created: (consumers) => this.#tell(() => this.emit('consumersCreated', consumers)),
      closed: (consumerId) => this.#tell(() => this.emit('consumerClosed', { consumerId })),
      paused: (consumerId, by) => this.#tell(() => this.emit('consumerPaused', { consumerId, by })),
      resumed: (consumerId) => this.#tell(() => this.emit('consumerResumed', { consumerId })),
      layers: (consumerId, layers) =>
        this.#tell(() =>
          this.emit('consumerLayers', {
            consumerId,
            spatialLayer: layers?.spatialLayer ?? null,
            temporalLayer: layers?.temporalLayer ?? null,
          }),
        ),
    });
  }

  setReceiveCapabilities(capabilities: WireRtpCapabilities): void {
    this.#assertOpen();
    this.subscriptions.setCapabilities(toRtpCapabilities(capabilities));
    this.#host.offerAll(this.peerId);
  }

  async createTransport(direction: Direction): Promise<TransportInfo> {
    this.#assertOpen();
    const info = await this.#unlessForbidden(this.#transports.create(direction));
    // The transport is answered before the consumers on it are announced.
    if (direction === 'receive') setImmediate(() => this.#host.offerAll(this.peerId));
    return info;
  }

  async connectTransport(transportId: string, dtlsParameters: WireDtlsParameters): Promise<void> {
    await this.#transports.connect(transportId, dtlsParameters);
  }

  async restartIce(transportId: string): Promise<TransportInfo['iceParameters']> {
    this.#assertOpen();
    return this.#unlessForbidden(this.#transports.restartIce(transportId));
  }

  async produce(options: ProduceOptions): Promise<ProducerInfo> {
    this.#assertOpen();
    return (await this.#unlessForbidden(this.publications.produce(options, this.#transports))).info;
  }

  async pauseProducer(producerId: string, by: 'publisher' | 'host'): Promise<void> {
    await this.#changePublication(producerId, (publication) => publication.pause(by));
  }

  async resumeProducer(producerId: string): Promise<void> {
    await this.#changePublication(producerId, (publication) => publication.resume());
  }

  closeProducer(producerId: string): void {
    this.publications.close(this.publications.byId(producerId));
  }

  producers(): readonly ProducerInfo[] {
    return this.publications.all().map((publication) => publication.info);
  }

  consumers(): readonly ConsumerInfo[] {
    return this.subscriptions.infos();
  }

  held(): readonly { consumerId: string; by: PausedBy }[] {
    return this.subscriptions
      .all()
      .flatMap(({ id, pausedBy }) => (pausedBy === null ? [] : [{ consumerId: id, by: pausedBy }]));
  }

  /** Unknown ids among others are passed over: their consumers may just have closed. */
  async pauseConsumers(consumerIds: readonly string[]): Promise<void> {
    await this.subscriptions.forEach(consumerIds, (leg) => leg.pauseBySubscriber());
  }

  async resumeConsumers(consumerIds: readonly string[]): Promise<void> {
    await this.subscriptions.forEach(consumerIds, (leg) => leg.resumeBySubscriber());
  }

  async setConsumerLayers(consumerId: string, spatialLayer: number, temporalLayer?: number): Promise<void> {
    const leg = this.subscriptions.byId(consumerId);
    await this.#asking(() => leg.setLayers(spatialLayer, temporalLayer));
  }

  async setConsumerPriority(consumerId: string, priority: number): Promise<void> {
    const leg = this.subscriptions.byId(consumerId);
    await this.#asking(() => leg.setPriority(priority));
  }

  async requestKeyFrame(consumerId: string): Promise<void> {
    const leg = this.subscriptions.byId(consumerId);
    await this.#asking(() => leg.requestKeyFrame(this.#host.options.limits.keyFrameInterval));
  }

  /** A second call while the first is under way gets the same answer. */
  getStats(): Promise<Record<string, unknown>[]> {
    this.#stats ??= peerStats({
      transports: this.#transports.all(),
      producers: this.publications.all().map(({ producer }) => producer),
      consumers: this.subscriptions.all().map(({ consumer }) => consumer),
    }).finally(() => {
      this.#stats = undefined;
    });
    return this.#stats;
  }

  rejudge(): void {
    this.#host.rejudge(this.peerId);
  }

  /** Where its media comes, or may come, from: each was admitted by the policy and the label of its moment. */
  addresses(): ReadonlySet<string> {
    return this.#transports.addresses();
  }

  /** Closes everything of this peer because the gate refuses it, for good, then says so. */
  forbid(cause: unknown): void {
    const error = asWatershedError(cause);
    this.#forbidden ??= error;
    this.#closeMedia();
    this.#tell(() => this.emit('forbidden', { error }));
  }

  /** The worker is gone. The objects on it closed by themselves; here they are only forgotten. */
  reset(reason: 'worker_died' | 'moved'): void {
    this.#closeMedia();
    this.#tell(() => this.emit('reset', { reason }));
  }

  /** Closes a publication for a reason that is not the publisher's; returns what is left to tell. */
  withdraw(publication: ProducerLeg, error: WatershedError | null = null): () => void {
    const { id: producerId } = publication;
    this.publications.close(publication);
    return () => this.#tell(() => this.emit('producerClosed', { producerId, error }));
  }

  /** Closes what sends most. What comes beside all producers can only be stopped with its transport. */
  async #exceeded(direction: Direction, transportId: string): Promise<void> {
    const { total, heaviest } = await arriving(direction === 'send' ? this.publications.all() : []);
    if (this.#closed || heaviest?.closed === true) return;
    const known = total > this.#host.options.limits.maxIncomingBitrate;
    this.#host.logger.warn(
      {
        peer: this.peerId.slice(0, 6),
        direction,
        source: known ? heaviest?.source : null,
        code: 'bitrate_exceeded',
      },
      'media: a peer sends more than it may',
    );
    if (known && heaviest !== undefined) {
      this.withdraw(heaviest, new WatershedError('bitrate_exceeded'))();
    } else if (this.#transports.all().some(({ id }) => id === transportId)) {
      this.#transports.drop(transportId);
    }
  }

  /** Closes the consumer of a publication, which is gone or refused; returns what is left to tell. */
  unsubscribe(producerId: string): () => void {
    const consumerId = this.subscriptions.drop(producerId);
    return () => {
      if (consumerId !== undefined) this.#tell(() => this.emit('consumerClosed', { consumerId }));
    };
  }

  get closed(): boolean {
    return this.#closed;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#closeMedia();
    this.subscriptions.close();
    this.#onClose(this);
  }

  #closeMedia(): void {
    // Transports first: with them, not a packet more goes in or out.
    this.subscriptions.clear(() => {
      if (this.#closed || this.#forbidden) this.#transports.close();
      else this.#transports.closeAll();
    });
    for (const publication of this.publications.all()) this.publications.close(publication);
  }

  #judgeAddress(remoteAddress: string): void {
    try {
      // Where the address widens the label, the gate says so to the room, which calls `rejudge` from in here.
      this.#host.gate.assertAddress(this.peerId, remoteAddress);
    } catch (error) {
      this.forbid(error);
    }
  }

  #lost(direction: Direction, transportId: string): void {
    if (direction === 'send') {
      for (const publication of this.publications.all()) this.withdraw(publication)();
    }
    // Consumers tell of themselves: their transport has just closed them.
    this.#tell(() => this.emit('transportClosed', { transportId }));
  }

  async #changePublication(
    producerId: string,
    change: (publication: ProducerLeg) => Promise<boolean>,
  ): Promise<void> {
    const publication = this.publications.byId(producerId);
    await this.#asking(async () => {
      if (!(await change(publication)) || publication.closed) return;
      this.#host.publicationChanged(publication);
      this.#tell(() => this.emit('producerUpdated', publication.info));
    });
  }

  async #asking(ask: () => Promise<void>): Promise<void> {
    try {
      await ask();
    } catch (error) {
      throw asWatershedError(error);
    }
  }

  /** What fails because the peer was forbidden meanwhile fails with that reason. */
  async #unlessForbidden<T>(work: Promise<T>): Promise<T> {
    try {
      return await work;
    } catch (error) {
      throw this.#forbidden ?? error;
    }
  }

  #assertOpen(): void {
    if (this.#forbidden) throw this.#forbidden;
    if (this.#closed) throw new WatershedError('not_found');
  }

  #tell(emit: () => void): void {
    if (!this.#closed) guarded(this.#host.logger, 'peer event', emit);
  }
}
