import { Audio, type PeerConnection, type Track, Video } from 'node-datachannel';
import type { WireRtpCapabilities, WireRtpParameters } from '../../protocol/rtp.ts';
import { kindOfSource, type Source } from '../../protocol/state.ts';

const OPUS = 111;
const VP8 = 96;
const VP9 = 98;
export const LEVEL_ID = 6;
let nextSsrc = 1000;

/** What a browser without bandwidth estimation would say: layers then follow what is asked for alone. */
export const CAPABILITIES: WireRtpCapabilities = {
  codecs: [
    { kind: 'audio', mimeType: 'audio/opus', preferredPayloadType: OPUS, clockRate: 48000, channels: 2 },
    {
      kind: 'video',
      mimeType: 'video/VP8',
      preferredPayloadType: VP8,
      clockRate: 90000,
      rtcpFeedback: [{ type: 'nack', parameter: 'pli' }],
    },
    {
      kind: 'video',
      mimeType: 'video/VP9',
      preferredPayloadType: VP9,
      clockRate: 90000,
      rtcpFeedback: [{ type: 'nack', parameter: 'pli' }],
    },
  ],
  headerExtensions: [],
};

/** One source to publish; video with as many simulcast streams as `layers` says. */
export interface TrackSpec {
  readonly source: Source;
  readonly layers?: number;
  /** The layers are spatial layers of one VP9 stream (SVC) instead. */
  readonly svc?: boolean;
  /** Bytes by which each packet is longer than it need be, and goes on being, whatever the bridge says. */
  readonly filling?: number;
}

/** A source as it is sent. */
export interface Sending {
  readonly spec: TrackSpec;
  readonly track: Track;
  readonly rtpParameters: WireRtpParameters;
  readonly ssrcs: readonly number[];
  producerId: string | undefined;
  /** -dBov; 127 is silence. */
  level: number;
  sent: number;
}

export function payloadTypeOf({ source, svc }: TrackSpec): number {
  if (kindOfSource(source) === 'audio') return OPUS;
  return svc ? VP9 : VP8;
}

/** The track of a source on a connection, and its parameters. */
export function sendingOf(sender: PeerConnection, spec: TrackSpec, mid: string): Sending {
  const isVideo = kindOfSource(spec.source) === 'video';
  const { layers = 1, svc = false } = spec;
  const ssrcs = Array.from({ length: svc ? 1 : layers }, () => nextSsrc++);
  const media = isVideo ? new Video(mid, 'SendOnly') : new Audio(mid, 'SendOnly');
  if (media instanceof Video && svc) media.addVP9Codec(VP9);
  else if (media instanceof Video) media.addVP8Codec(VP8);
  else media.addOpusCodec(OPUS);
  for (const ssrc of ssrcs) media.addSSRC(ssrc, 'test');
  const track = sender.addTrack(media);
  return {
    spec,
    track,
    rtpParameters: {
      mid,
      codecs: [
        isVideo
          ? {
              mimeType: svc ? 'video/VP9' : 'video/VP8',
              payloadType: payloadTypeOf(spec),
              clockRate: 90000,
              rtcpFeedback: [{ type: 'nack', parameter: 'pli' }],
            }
          : { mimeType: 'audio/opus', payloadType: OPUS, clockRate: 48000, channels: 2 },
      ],
      headerExtensions: isVideo ? [] : [{ uri: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level', id: LEVEL_ID }],
      encodings: ssrcs.map((ssrc) => ({ ssrc, ...(svc && { scalabilityMode: `L${layers}T1` }) })),
    },
    ssrcs,
    producerId: undefined,
    level: 127,
    sent: 0,
  };
}
