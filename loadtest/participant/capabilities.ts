import type { RtcpFeedback, RtpCapabilities, RtpEncodingParameters } from 'mediasoup-client/types';
import { recordedCodecOf } from '../recordings/recording.ts';

const VIDEO_FEEDBACK: RtcpFeedback[] = [
  { type: 'nack' },
  { type: 'nack', parameter: 'pli' },
  { type: 'ccm', parameter: 'fir' },
];

/** Opus and VP8 are made up; the others are played from recordings. */
const CODECS: NonNullable<RtpCapabilities['codecs']> = [
  {
    kind: 'audio',
    mimeType: 'audio/opus',
    preferredPayloadType: 111,
    clockRate: 48_000,
    channels: 2,
    parameters: { minptime: 10, useinbandfec: 1 },
    rtcpFeedback: [],
  },
  {
    kind: 'video',
    mimeType: 'video/VP8',
    preferredPayloadType: 96,
    clockRate: 90_000,
    parameters: {},
    rtcpFeedback: VIDEO_FEEDBACK,
  },
  {
    kind: 'video',
    mimeType: 'video/VP9',
    preferredPayloadType: 98,
    clockRate: 90_000,
    parameters: { 'profile-id': 0 },
    rtcpFeedback: VIDEO_FEEDBACK,
  },
  {
    kind: 'video',
    mimeType: 'video/H264',
    preferredPayloadType: 102,
    clockRate: 90_000,
    parameters: {
      'packetization-mode': 1,
      'profile-level-id': '42e01f',
      'level-asymmetry-allowed': 1,
    },
    rtcpFeedback: VIDEO_FEEDBACK,
  },
  {
    kind: 'video',
    mimeType: 'video/AV1',
    preferredPayloadType: 104,
    clockRate: 90_000,
    parameters: {},
    rtcpFeedback: VIDEO_FEEDBACK,
  },
];

export const AUDIO_LEVEL = 'urn:ietf:params:rtp-hdrext:ssrc-audio-level';

export const TRANSPORT_SEQUENCE =
  'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01' as const;

/** What a synthetic participant can do. No transport-cc or REMB: it does not slow down, and is not slowed. */
export function nativeCapabilities(): RtpCapabilities {
  return structuredClone({
    codecs: CODECS,
    headerExtensions: [{ kind: 'audio', uri: AUDIO_LEVEL, preferredId: 10, direction: 'sendrecv' }],
  });
}

/** The same with transport-cc, as browsers have it: an SFU learns how much it may send. */
export function estimatingCapabilities(): RtpCapabilities {
  const { codecs = [], headerExtensions = [] } = nativeCapabilities();
  return {
    codecs: codecs.map((codec) => ({
      ...codec,
      rtcpFeedback: [...(codec.rtcpFeedback ?? []), { type: 'transport-cc' }],
    })),
    headerExtensions: [
      ...headerExtensions,
      ...(['audio', 'video'] as const).map((kind) => ({
        kind,
        uri: TRANSPORT_SEQUENCE,
        preferredId: 5,
        direction: 'sendrecv' as const,
      })),
    ],
  };
}

/** The encodings that are really sent: of a recording the highest alone, since there is no other. */
export function encodingsOf(
  mimeType: string,
  wanted: readonly RtpEncodingParameters[] = [],
): RtpEncodingParameters[] {
  const encodings = wanted.length === 0 ? [{}] : wanted;
  return recordedCodecOf(mimeType) === undefined ? [...encodings] : encodings.slice(-1);
}

/** The layers within a stream, as they are sent. */
export function modeOf(mimeType: string, temporalLayers: number): string {
  const recorded = recordedCodecOf(mimeType);
  if (recorded === undefined) return `L1T${temporalLayers}`;
  return recorded === 'vp9' ? 'L3T3_KEY' : 'L1T1';
}
