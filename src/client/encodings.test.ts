import type { RtpCapabilities } from 'mediasoup-client/types';
import { describe, expect, test } from 'vitest';
import { audioCodecOptions, chooseCodec, videoEncodings } from './encodings.ts';

describe('the encodings of a camera', () => {
  test.each([
    [720, [4, 2, 1]],
    [480, [4, 2, 1]],
    [360, [2, 1]],
    [180, [1]],
    [undefined, [4, 2, 1]],
  ])('of height %s are scaled by %j', (height, scales) => {
    const encodings = videoEncodings({ source: 'camera' }, 'video/vp8', height);
    expect(encodings.map(({ scaleResolutionDownBy }) => scaleResolutionDownBy)).toEqual(scales);
    const bitrates = encodings.map(({ maxBitrate = 0 }) => maxBitrate);
    expect([...bitrates].sort((a, b) => a - b)).toEqual(bitrates);
    expect(bitrates.at(-1)).toBe(1_200_000);
  });

  test.each([
    ['video/vp9', 'L3T3_KEY'],
    ['video/av1', 'L1T3'],
  ])('are layers of one stream for %s', (mimeType, scalabilityMode) => {
    const encodings = videoEncodings({ source: 'camera' }, mimeType, 720);
    expect(encodings).toEqual([{ maxBitrate: 1_200_000, scalabilityMode }]);
  });

  test('are one without simulcast', () => {
    expect(videoEncodings({ source: 'camera', simulcast: false, maxBitrate: 5 }, 'video/vp8', 720)).toEqual([
      { maxBitrate: 5, scalabilityMode: 'L1T3' },
    ]);
  });
});

test('a screen is sent once, in full size, with fewer frames', () => {
  for (const mimeType of ['video/vp8', 'video/vp9']) {
    const [encoding, ...more] = videoEncodings({ source: 'screen' }, mimeType, 1080);
    expect(more).toEqual([]);
    expect(encoding?.scaleResolutionDownBy).toBeUndefined();
    expect(encoding?.maxFramerate).toBe(15);
  }
});

test('what a screen plays is not speech', () => {
  expect(audioCodecOptions('microphone')).toMatchObject({ opusDtx: true, opusStereo: false });
  expect(audioCodecOptions('screenAudio')).toMatchObject({ opusDtx: false, opusStereo: true });
});

describe('the codec', () => {
  const video = (mimeType: string): NonNullable<RtpCapabilities['codecs']>[number] => ({
    kind: 'video',
    mimeType,
    clockRate: 90_000,
    preferredPayloadType: 1,
  });
  const capabilities: RtpCapabilities = {
    codecs: [video('video/VP8'), video('video/rtx'), video('video/VP9'), video('video/H264')],
  };

  test.each([
    ['vp9', 'video/VP9'],
    ['h264', 'video/H264'],
    ['av1', 'video/VP8'],
    [undefined, 'video/VP8'],
  ] as const)('for %s is %s', (preferred, mimeType) => {
    expect(chooseCodec(capabilities, preferred)?.mimeType).toBe(mimeType);
  });

  test('is none where there is none', () => {
    expect(chooseCodec({ codecs: [video('video/rtx')] }, 'vp8')).toBeUndefined();
  });
});
