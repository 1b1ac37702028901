import { WatershedError } from '../protocol/errors.ts';
import { kindOfSource } from '../protocol/state.ts';
import { asWatershedError } from './media-error.ts';
import type { PeerHost } from './peer-host.ts';
import type { PeerTransports } from './peer-transports.ts';
import { ProducerLeg } from './producer-leg.ts';
import { toRtpParameters } from './rtp.ts';
import type { ProduceOptions } from './types.ts';

/** Everything that one peer publishes. */
export class Publications {
  readonly #peerId: string;
  readonly #host: PeerHost;
  readonly #wanted: (producerId: string, spatialLayer: number | null) => void;
  readonly #open = new Map<string, ProducerLeg>();
  #pending = 0;

  constructor(
    peerId: string,
    host: PeerHost,
    wanted: (producerId: string, spatialLayer: number | null) => void,
  ) {
    this.#peerId = peerId;
    this.#host = host;
    this.#wanted = wanted;
  }

  all(): ProducerLeg[] {
    return [...this.#open.values()];
  }

  /** Throws `not_found`. */
  byId(producerId: string): ProducerLeg {
    const publication = this.#open.get(producerId);
    if (!publication) throw new WatershedError('not_found');
    return publication;
  }

  async produce(options: ProduceOptions, transports: PeerTransports): Promise<ProducerLeg> {
    const { transport, seat } = transports.byId(options.transportId, 'send');
    this.#host.gate.assertProduce(this.#peerId);
    const { limits } = this.#host.options;
    if (kindOfSource(options.source) !== options.kind) {
      throw new WatershedError('unsupported_media', `${options.source} is not ${options.kind}`);
    }
    // mediasoup takes what nobody can consume.
    if (
      !options.rtpParameters.codecs.every(({ mimeType }) =>
        mimeType.toLowerCase().startsWith(`${options.kind}/`),
      )
    ) {
      throw new WatershedError('unsupported_media', `a codec is not ${options.kind}`);
    }
    if (this.#open.size + this.#pending >= limits.producersPerPeer) {
      throw new WatershedError('too_many_producers');
    }
    const judged = this.#host.judgement;
    this.#pending += 1;
    try {
      const producer = await transport.produce({
        kind: options.kind,
        rtpParameters: toRtpParameters(options.rtpParameters),
        paused: options.paused ?? false,
        keyFrameRequestDelay: limits.keyFrameInterval,
      });
      try {
        // The peer, its transport or its permission may be gone by now.
        if (transport.closed) throw new WatershedError('not_found');
        if (this.#host.judgement !== judged) this.#host.gate.assertProduce(this.#peerId);
      } catch (error) {
        producer.close();
        throw error;
      }
      const publication = new ProducerLeg(producer, this.#peerId, options.source, seat);
      this.#open.set(publication.id, publication);
      this.#host.published(publication);
      publication.announceWanted((layer) => this.#wanted(publication.id, layer));
      return publication;
    } catch (error) {
      // What the worker says against the parameters (a clash of SSRCs, say) is a plain error.
      throw asWatershedError(error, 'unsupported_media');
    } finally {
      this.#pending -= 1;
    }
  }

  /** Closes one, and its consumers. */
  close(publication: ProducerLeg): void {
    if (!this.#open.delete(publication.id)) return;
    publication.close();
    this.#host.unpublished(publication);
  }
}
