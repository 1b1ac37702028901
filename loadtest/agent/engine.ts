import type { HandlerFactory } from 'mediasoup-client/types';
import type { PublishOptions } from '../../src/client/encodings.ts';
import type { FlowReading } from '../measure/flow.ts';
import type { Publishing } from '../scenario/schema.ts';

/** What is to be sent for a source: a track for the client library, and how to publish it. */
export interface OwnTrack {
  /** Its `enabled` says whether anything is sent, as in a browser. */
  readonly track: MediaStreamTrack;
  readonly options: PublishOptions;
}

/** Where a packet for a node's media address goes instead: through a relay. */
export type Route = (address: { ip: string; port: number }) => Promise<{ ip: string; port: number }>;

/**
 * What carries the media of all participants of one process: real ICE, DTLS and SRTP behind a mediasoup-client
 * handler. Whoever made it closes it, after the last participant has left.
 */
export interface MediaEngine {
  readonly name: 'native' | 'javascript';
  /** A process beside this one that does the work. */
  readonly pid: number | null;
  handlerFactory(options: { readonly bindAddress: string; readonly route?: Route }): HandlerFactory;
  ownTrack(publishing: Publishing): OwnTrack;
  /** What the receivers of these tracks have come to; those that are gone are left out. */
  read(tracks: readonly MediaStreamTrack[]): Promise<ReadonlyMap<MediaStreamTrack, FlowReading>>;
  /** Only their packets, as cheaply as can be had. */
  pulse(tracks: readonly MediaStreamTrack[]): Promise<ReadonlyMap<MediaStreamTrack, number>>;
  /** RTP packets and payload bytes sent in all. */
  sent(): Promise<{ readonly packets: number; readonly bytes: number }>;
  /** How late the generator itself was since the last call, in µs: the 99th percentile. */
  lateness(): Promise<number>;
  close(): Promise<void>;
}

/** A source's bitrate where the scenario gives none, in bit/s. */
const BITRATE = { camera: 600_000, screen: 1_200_000 };

/** How a scenario's publishing is published, and made up. */
export function publishingOf(publishing: Publishing) {
  const wanted = typeof publishing === 'string' ? { source: publishing } : publishing;
  const { source, codec = 'vp8', simulcast, frameRate, height, bytes } = wanted;
  const video = source === 'camera' || source === 'screen';
  const maxBitrate = video ? (wanted.bitrate ?? BITRATE[source]) : undefined;
  const options: PublishOptions = {
    source,
    ...(maxBitrate !== undefined && { maxBitrate }),
    ...(simulcast !== undefined && { simulcast }),
    ...(video && { codec }),
  };
  return {
    options,
    kind: video ? ('video' as const) : ('audio' as const),
    frameRate: frameRate ?? (source === 'screen' ? 5 : 25),
    height: height ?? (source === 'screen' ? 720 : 360),
    bytes: bytes ?? (source === 'screenAudio' ? 320 : 80),
  };
}
