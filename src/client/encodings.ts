import type { ProducerCodecOptions, RtpCapabilities, RtpEncodingParameters } from 'mediasoup-client/types';
import type { Source } from '../protocol/state.ts';

/** Video codecs by the names that people use. Opus is the one audio codec. */
export type VideoCodec = 'vp8' | 'vp9' | 'h264' | 'av1';

/** How a source is to be sent. */
export interface PublishOptions {
  readonly source: Source;
  /** Several resolutions at once (VP8, H.264). Default true for a camera; a screen is sent once. */
  readonly simulcast?: boolean;
  /** Preferred codec of a video; the room's first one by default. */
  readonly codec?: VideoCodec;
  /** Starts paused (muted). Default false. */
  readonly paused?: boolean;
  /** bit/s at most of the highest layer; by default 1.2 Mbit/s for a camera and 2.5 Mbit/s for a screen. */
  readonly maxBitrate?: number;
}

const CAMERA_BITRATE = 1_200_000;
const SCREEN_BITRATE = 2_500_000;
const SCREEN_FRAMERATE = 15;

/**
 * The layers of one stream, for codecs that have them in place of several streams. AV1 gets one size: Chromium's
 * decoder never starts on AV1 of which mediasoup forwards some spatial layers (versatica/mediasoup#1610).
 */
const LAYERS_OF_ONE_STREAM: ReadonlyMap<string, string> = new Map([
  ['video/vp9', 'L3T3_KEY'],
  ['video/av1', 'L1T3'],
]);

/**
 * The encodings of a video track. Camera: three streams at a quarter, half and full size (fewer where the track
 * is small already), or one stream with layers for VP9 and AV1. Screen: full size only, since text that is scaled
 * down cannot be read, with temporal layers, so that a weak receiver gets fewer frames instead.
 *
 * @param mimeType lower case
 * @param height of the track in pixels, where it is known
 */
export function videoEncodings(
  options: PublishOptions,
  mimeType: string,
  height: number | undefined,
): RtpEncodingParameters[] {
  if (options.source === 'screen') {
    const screen = {
      maxBitrate: Math.round(options.maxBitrate ?? SCREEN_BITRATE),
      maxFramerate: SCREEN_FRAMERATE,
    };
    return [{ ...screen, scalabilityMode: 'L1T3' }];
  }
  const maxBitrate = Math.round(options.maxBitrate ?? CAMERA_BITRATE);
  const simulcast = options.simulcast ?? true;
  if (!simulcast) return [{ maxBitrate, scalabilityMode: 'L1T3' }];
  const scalabilityMode = LAYERS_OF_ONE_STREAM.get(mimeType);
  if (scalabilityMode !== undefined) return [{ maxBitrate, scalabilityMode }];
  const scales = [4, 2, 1].filter((scale) => height === undefined || scale === 1 || height / scale >= 120);
  return scales.map((scale) => ({
    scaleResolutionDownBy: scale,
    // A quarter of the pixels needs about a third of the bits.
    maxBitrate: Math.round(maxBitrate / 3 ** Math.log2(scale)),
    scalabilityMode: 'L1T3',
  }));
}

/** Opus: DTX and FEC for speech; stereo and no DTX for what a screen plays. */
export function audioCodecOptions(source: Source): ProducerCodecOptions {
  return source === 'screenAudio'
    ? { opusStereo: true, opusDtx: false, opusFec: true, opusMaxAverageBitrate: 128_000 }
    : { opusStereo: false, opusDtx: true, opusFec: true };
}

/** The codec to send a video with: the preferred one where device and room have it, else the room's first. */
export function chooseCodec(
  capabilities: RtpCapabilities,
  preferred: VideoCodec | undefined,
): NonNullable<RtpCapabilities['codecs']>[number] | undefined {
  const videos = (capabilities.codecs ?? []).filter(
    ({ kind, mimeType }) => kind === 'video' && !/\/rtx$/i.test(mimeType),
  );
  return videos.find(({ mimeType }) => mimeType.toLowerCase() === `video/${preferred}`) ?? videos[0];
}
