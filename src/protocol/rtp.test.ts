import { expect, test } from 'vitest';
import { rtpParametersSchema } from './rtp.ts';

test('parameters of a codec that every subscriber would be told of are few', () => {
  const withParameters = (count: number): unknown => ({
    codecs: [
      {
        mimeType: 'video/VP8',
        payloadType: 96,
        clockRate: 90_000,
        parameters: Object.fromEntries(Array.from({ length: count }, (_, n) => [`p${n}`, n])),
        rtcpFeedback: [],
      },
    ],
    headerExtensions: [],
    encodings: [{ ssrc: 1 }],
    rtcp: {},
  });
  expect(rtpParametersSchema.safeParse(withParameters(32)).success).toBe(true);
  expect(rtpParametersSchema.safeParse(withParameters(33)).success).toBe(false);
});
