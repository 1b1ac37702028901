import type { RtpCapabilities } from 'mediasoup-client/types';

const VIDEO_FEEDBACK = [
  { type: 'nack' },
  { type: 'nack', parameter: 'pli' },
  { type: 'ccm', parameter: 'fir' },
];

/** Opus and VP8 are made up and sent, and VP9 that nobody can decode; of the others a participant only counts what it gets. */
const SENT: NonNullable<RtpCapabilities['codecs']> = [
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
];
const ONLY_RECEIVED: NonNullable<RtpCapabilities['codecs']> = [
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

/** What a synthetic participant can do. No transport-cc or REMB: it does not slow down, and is not slowed. */
export function nativeCapabilities(direction: 'sendonly' | 'recvonly'): RtpCapabilities {
  return structuredClone({
    codecs: direction === 'sendonly' ? SENT : [...SENT, ...ONLY_RECEIVED],
    headerExtensions: [{ kind: 'audio', uri: AUDIO_LEVEL, preferredId: 10, direction: 'sendrecv' }],
  });
}
