import type { Device } from 'mediasoup-client';
import type { ProducerOptions, Transport } from 'mediasoup-client/types';
import { kindOfSource, type Source } from '../protocol/state.ts';
import { Emitter } from './emitter.ts';
import { audioCodecOptions, chooseCodec, type PublishOptions, videoEncodings } from './encodings.ts';
import type { Link } from './link.ts';
import { ClientError, clientError, type Problem, toProblem } from './problem.ts';
import { type Publication, type PublicationView, tuneEncodings, viewOf } from './publication.ts';
import { isOffline, type ProducerData } from './transport-leg.ts';

interface Early {
  readonly muted?: boolean;
  readonly wantedLayer?: number | null;
  readonly closed?: Problem;
}

/** Producers of which something early is remembered. */
const EARLY = 16;

/**
 * What this participant sends: the wish outlives its producer, so that a new transport, or a new session, gets
 * everything again. Tracks are the application's until `unpublish`, which stops them.
 */
export class Publications extends Emitter<{
  changed: [PublicationView];
  /** A source could not be sent (again); it has been given up. */
  failed: [Source, Problem];
  /** The track ended by itself (device unplugged, screen share stopped); it has been unpublished. */
  ended: [Source];
}> {
  readonly #link: Link;
  readonly #bySource = new Map<Source, Publication>();
  /** What the node said of producers whose `produce` has not come back yet, the newest few. */
  readonly #early = new Map<string, Early>();
  #device: Device | null = null;
  #transport: Transport | null = null;

  constructor(link: Link) {
    super();
    this.#link = link;
  }

  all(): PublicationView[] {
    return [...this.#bySource.values()].map(viewOf);
  }

  get(source: Source): PublicationView | undefined {
    const publication = this.#bySource.get(source);
    return publication === undefined ? undefined : viewOf(publication);
  }

  /** Publishes; resolves once the node has the producer. Throws a ClientError, or what the device throws. */
  async publish(track: MediaStreamTrack, options: PublishOptions): Promise<PublicationView> {
    if (track.kind !== kindOfSource(options.source)) {
      throw clientError('media_failed', `${options.source} takes another kind of track`);
    }
    if (this.#bySource.has(options.source)) throw clientError('already_published', options.source);
    const publication: Publication = {
      options,
      track,
      producer: null,
      producingOn: null,
      pausedBy: options.paused === true ? 'self' : null,
      wantedLayer: undefined,
      off: false,
      tuning: Promise.resolve(),
    };
    this.#bySource.set(options.source, publication);
    this.emit('changed', viewOf(publication));
    const transport = this.#transport;
    try {
      if (transport !== null) await this.#produce(publication, transport);
    } catch (error) {
      if (this.#bySource.get(options.source) !== publication) throw error;
      // Without a socket, or with another transport by now, the wish stands.
      if (isOffline(error) || this.#transport !== transport) return viewOf(publication);
      this.#bySource.delete(options.source);
      throw error;
    }
    return viewOf(publication);
  }

  /** Stops the track and closes the producer; nothing where the source is not published. */
  async unpublish(source: Source): Promise<void> {
    const publication = this.#bySource.get(source);
    if (publication === undefined) return;
    this.#bySource.delete(source);
    publication.track.stop();
    const { producer } = publication;
    publication.producer = null;
    producer?.close();
    this.emit('changed', viewOf(publication));
    if (producer !== null) await this.#link.request('closeProducer', { producerId: producer.id });
  }

  /** Another track for the same source (another device), without a new producer. */
  async replaceTrack(source: Source, track: MediaStreamTrack): Promise<void> {
    const publication = this.#require(source);
    const before = publication.track;
    publication.track = track;
    this.#watchTrack(publication);
    await publication.producer?.replaceTrack({ track });
    if (before !== track) before.stop();
    this.emit('changed', viewOf(publication));
  }

  /** Mutes or unmutes. Nothing leaves this machine while it is paused, whether the node has heard of it or not. */
  async setPaused(source: Source, paused: boolean): Promise<void> {
    const publication = this.#require(source);
    if ((publication.pausedBy !== null) === paused) return;
    publication.pausedBy = paused ? 'self' : null;
    this.#applyPause(publication);
    this.emit('changed', viewOf(publication));
    const { producer } = publication;
    if (producer === null) return;
    await this.#link.request(paused ? 'pauseProducer' : 'resumeProducer', { producerId: producer.id });
    // A host's mute came while the node was asked: it stays, and the node is to say so to the others.
    if (!paused && this.get(source)?.pausedBy === 'host' && publication.producer === producer) {
      await this.#link.request('pauseProducer', { producerId: producer.id });
    }
  }

  /** The device's own figures of each source that is being sent. */
  async stats(): Promise<{ source: Source; report: RTCStatsReport }[]> {
    const reports = [...this.#bySource.values()].map(async ({ options, producer }) =>
      producer === null || producer.closed
        ? []
        : [{ source: options.source, report: await producer.getStats() }],
    );
    return (await Promise.all(reports)).flat();
  }

  /** The node closed this producer for what it sent: it is given up. */
  onClosed(producerId: string, problem: Problem): void {
    const publication = this.#byProducer(producerId);
    if (publication === undefined) {
      this.#noteEarly(producerId, { closed: problem });
      return;
    }
    this.#giveUp(publication, problem);
  }

  #giveUp(publication: Publication, problem: Problem): void {
    const { source } = publication.options;
    const { producer } = publication;
    this.#bySource.delete(source);
    publication.track.stop();
    publication.producer = null;
    producer?.close();
    this.emit('changed', viewOf(publication));
    this.emit('failed', source, problem);
  }

  /** A host muted this producer. */
  onMuted(producerId: string): void {
    const publication = this.#byProducer(producerId);
    if (publication === undefined) this.#noteEarly(producerId, { muted: true });
    if (publication === undefined || publication.pausedBy !== null) return;
    publication.pausedBy = 'host';
    this.#applyPause(publication);
    this.emit('changed', viewOf(publication));
  }

  /** The highest layer that anyone watches: what nobody watches is not sent at all. */
  onWantedLayers(producerId: string, spatialLayer: number | null): void {
    const publication = this.#byProducer(producerId);
    if (publication === undefined) {
      this.#noteEarly(producerId, { wantedLayer: spatialLayer });
      return;
    }
    publication.wantedLayer = spatialLayer;
    this.#tune(publication);
    this.emit('changed', viewOf(publication));
  }

  /** A new transport: everything is produced on it. */
  attach(device: Device, transport: Transport): void {
    this.#device = device;
    this.#transport = transport;
    for (const publication of this.#bySource.values()) {
      publication.producer = null;
      publication.wantedLayer = undefined;
      publication.off = false;
      this.#produceAgain(publication, transport);
    }
  }

  /** After a resume: what could not be produced for want of a socket. */
  retry(): void {
    const transport = this.#transport;
    if (transport === null || transport.closed) return;
    for (const publication of this.#bySource.values()) {
      // One that is on its way is repeated by its request.
      if (publication.producer === null && publication.producingOn !== transport) {
        this.#produceAgain(publication, transport);
      }
    }
  }

  /** The transport is gone; wishes stay. */
  detach(): void {
    this.#transport = null;
    for (const publication of this.#bySource.values()) publication.producer = null;
  }

  /** Stops every track. */
  close(): void {
    this.detach();
    for (const { track } of this.#bySource.values()) track.stop();
    this.#bySource.clear();
    this.removeAll();
  }

  #produceAgain(publication: Publication, transport: Transport): void {
    this.#produce(publication, transport).catch((error: unknown) => {
      if (this.#transport !== transport || isOffline(error)) return;
      if (this.#bySource.get(publication.options.source) !== publication) return;
      this.#giveUp(publication, toProblem(error, 'media_failed'));
    });
  }

  async #produce(publication: Publication, transport: Transport): Promise<void> {
    const { options, track } = publication;
    const data: ProducerData = { source: options.source, paused: publication.pausedBy !== null };
    publication.producingOn = transport;
    const producer = await transport
      .produce({ track, appData: data, stopTracks: false, ...this.#sending(options, track) })
      .finally(() => {
        if (publication.producingOn === transport) publication.producingOn = null;
      });
    if (this.#transport !== transport || this.#bySource.get(options.source) !== publication) {
      producer.close();
      if (!transport.closed) await this.#link.request('closeProducer', { producerId: producer.id });
      throw new ClientError(clientError('not_published', options.source).problem);
    }
    publication.producer = producer;
    this.#watchTrack(publication);
    // Another device was chosen while the node was being asked.
    if (publication.track !== track) await producer.replaceTrack({ track: publication.track });
    const { muted = false, wantedLayer, closed } = this.#early.get(producer.id) ?? {};
    this.#early.delete(producer.id);
    if (closed !== undefined) throw new ClientError(closed);
    publication.wantedLayer = wantedLayer;
    this.#applyPause(publication);
    if (muted) this.onMuted(producer.id);
    // The mute changed while the node was being asked.
    if ((publication.pausedBy !== null) !== data.paused) {
      const method = publication.pausedBy === null ? 'resumeProducer' : 'pauseProducer';
      await this.#link.request(method, { producerId: producer.id });
    }
    this.emit('changed', viewOf(publication));
  }

  #sending(options: PublishOptions, track: MediaStreamTrack): ProducerOptions {
    if (track.kind === 'audio') return { codecOptions: audioCodecOptions(options.source) };
    const codec =
      this.#device === null ? undefined : chooseCodec(this.#device.sendRtpCapabilities, options.codec);
    const mimeType = codec?.mimeType.toLowerCase() ?? '';
    return {
      encodings: videoEncodings(options, mimeType, track.getSettings().height),
      codecOptions: { videoGoogleStartBitrate: 1000 },
      ...(codec === undefined ? {} : { codec }),
    };
  }

  #watchTrack(publication: Publication): void {
    const { track } = publication;
    track.addEventListener(
      'ended',
      () => {
        const { source } = publication.options;
        if (this.#bySource.get(source) !== publication || publication.track !== track) return;
        this.emit('ended', source);
        this.unpublish(source).catch(() => undefined);
      },
      { once: true },
    );
  }

  #applyPause(publication: Publication): void {
    const { producer, track, pausedBy } = publication;
    track.enabled = pausedBy === null;
    if (producer === null || producer.closed) return;
    if (pausedBy === null) producer.resume();
    else producer.pause();
    this.#tune(publication);
  }

  /** Switches encodings on and off as the pause and the wanted layer say. Video only: a muted sound costs little. */
  #tune(publication: Publication): void {
    const { producer } = publication;
    if (producer === null || producer.kind !== 'video') return;
    publication.tuning = publication.tuning
      .then(() => tuneEncodings(publication, producer))
      // A producer that was closed in between.
      .catch(() => undefined);
  }

  #noteEarly(producerId: string, notice: Early): void {
    const known = this.#early.get(producerId);
    this.#early.delete(producerId);
    this.#early.set(producerId, { ...known, ...notice });
    for (const id of this.#early.keys()) if (this.#early.size > EARLY) this.#early.delete(id);
  }

  #byProducer(producerId: string): Publication | undefined {
    return [...this.#bySource.values()].find(({ producer }) => producer?.id === producerId);
  }

  #require(source: Source): Publication {
    const publication = this.#bySource.get(source);
    if (publication === undefined) throw clientError('not_published', source);
    return publication;
  }
}
