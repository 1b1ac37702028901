import type { types } from 'mediasoup';

/** kbit/s that a browser's encoder starts with, instead of the 300 it would probe up from. */
const START_BITRATE = 1000;

/**
 * What every router of this node forwards, most preferred first (mediasoup-client takes the first that both
 * sides have). Payload types are left to mediasoup; RTX and the RTCP feedback (NACK, PLI, FIR, REMB,
 * transport-cc) are added by it for each.
 */
export const MEDIA_CODECS: readonly types.RouterRtpCodecCapability[] = [
  {
    kind: 'audio',
    mimeType: 'audio/opus',
    clockRate: 48000,
    channels: 2,
    // RFC 7587 section 6.1: silence costs nothing (DTX), a lost packet is repaired from the next (FEC).
    parameters: { minptime: 10, useinbandfec: 1, usedtx: 1, stereo: 1, 'sprop-stereo': 1 },
  },
  video('video/VP8'),
  video('video/VP9', { 'profile-id': 0 }),
  video('video/VP9', { 'profile-id': 2 }),
  // Constrained baseline, which everybody has, then main; the level may differ by direction (RFC 6184).
  video('video/H264', h264('42e01f')),
  video('video/H264', h264('4d0032')),
  video('video/AV1'),
];

function h264(profileLevelId: string): Record<string, unknown> {
  return { 'packetization-mode': 1, 'profile-level-id': profileLevelId, 'level-asymmetry-allowed': 1 };
}

function video(mimeType: string, parameters: Record<string, unknown> = {}): types.RouterRtpCodecCapability {
  return {
    kind: 'video',
    mimeType,
    clockRate: 90000,
    parameters: { ...parameters, 'x-google-start-bitrate': START_BITRATE },
  };
}
