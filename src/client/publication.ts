import type { Producer, Transport } from 'mediasoup-client/types';
import type { Source } from '../protocol/state.ts';
import type { PublishOptions } from './encodings.ts';

/** One published source, as an application sees it. */
export interface PublicationView {
  readonly source: Source;
  readonly track: MediaStreamTrack;
  /** Null while the source is being published, or published again on a new transport. */
  readonly producerId: string | null;
  readonly paused: boolean;
  /** Who paused it last; null while it flows. */
  readonly pausedBy: 'self' | 'host' | null;
  /** The highest layer that anyone watches, as the node says; null for nobody, undefined for not said. */
  readonly wantedLayer: number | null | undefined;
}

/** A publication as the library keeps it: the wish, and the producer of the moment. */
export interface Publication {
  readonly options: PublishOptions;
  track: MediaStreamTrack;
  producer: Producer | null;
  /** The transport that it is being produced on at the moment. */
  producingOn: Transport | null;
  pausedBy: 'self' | 'host' | null;
  wantedLayer: number | null | undefined;
  /** Whether the encodings are switched off at the moment. */
  off: boolean;
  /** Changes of the encodings, one after the other. */
  tuning: Promise<void>;
}

/** The view of a publication at this moment. */
export function viewOf(publication: Publication): PublicationView {
  const { options, track, producer, pausedBy, wantedLayer } = publication;
  return {
    source: options.source,
    track,
    producerId: producer?.id ?? null,
    paused: pausedBy !== null,
    pausedBy,
    wantedLayer,
  };
}

/** Switches encodings on and off as the pause and the wanted layer say. */
export async function tuneEncodings(publication: Publication, producer: Producer): Promise<void> {
  if (producer.closed || publication.producer !== producer) return;
  const { wantedLayer, pausedBy } = publication;
  const top = (producer.rtpParameters.encodings?.length ?? 1) - 1;
  if (pausedBy !== null || wantedLayer === null) {
    if (!publication.off) await producer.setRtpEncodingParameters({ active: false });
    publication.off = true;
    return;
  }
  if (publication.off) {
    await producer.setRtpEncodingParameters({ active: true });
    // mediasoup-client skips a layer that it believes to be set already.
    if (top > 0 && producer.maxSpatialLayer !== undefined) await producer.setMaxSpatialLayer(top);
    publication.off = false;
  }
  if (top > 0 && (wantedLayer !== undefined || producer.maxSpatialLayer !== undefined)) {
    await producer.setMaxSpatialLayer(Math.min(top, wantedLayer ?? top));
  }
}
