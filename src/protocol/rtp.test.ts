import { expect, test } from 'vitest';
import { rtpCapabilitiesSchema, rtpParametersSchema } from './rtp.ts';

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

/** Everything of a publisher's that its subscribers are told of, with this text in one place. */
function withText(where: string, text: string): unknown {
  const at = (place: string, usual: string) => (where === place ? text : usual);
  return {
    mid: at('mid', '0'),
    msid: at('msid', '{4b1f-42} 5a'),
    codecs: [
      {
        mimeType: at('mimeType', 'video/H264'),
        payloadType: 96,
        clockRate: 90_000,
        parameters: {
          [at('name', 'profile-level-id')]: at('value', '42e01f'),
          'packetization-mode': 1,
          'x-google-start-bitrate': 1000,
          config: 'mode=1, size/5 (x)',
        },
        rtcpFeedback: [{ type: at('feedback', 'nack'), parameter: at('feedback parameter', 'pli') }],
      },
    ],
    headerExtensions: [
      { uri: at('uri', 'urn:3gpp:video-orientation'), id: 4, parameters: { [at('extension', 'vad')]: 'on' } },
    ],
    encodings: [{ ssrc: 1, rid: at('rid', 'h'), scalabilityMode: at('mode', 'L3T3_KEY') }],
    rtcp: { cname: at('cname', 'a8B+/x{7}@host') },
  };
}

test.each([
  'mid',
  'msid',
  'mimeType',
  'name',
  'value',
  'feedback',
  'feedback parameter',
  'uri',
  'extension',
  'rid',
  'mode',
  'cname',
])('the %s of one participant writes no line into what others read', (where) => {
  expect(rtpParametersSchema.safeParse(withText('nowhere', '')).error).toBeUndefined();
  const candidate = 'a=candidate:1 1 udp 2113937151 203.0.113.66 9 typ host';
  for (const end of ['\r\n', '\n', '\r', '\u2028', '\u0085', '\0']) {
    expect(rtpParametersSchema.safeParse(withText(where, `x${end}${candidate}`)).success).toBe(false);
  }
});

test('a parameter is one, and not the next one too', () => {
  for (const [where, text] of [
    ['value', '1;usedtx=1'],
    ['name', 'a=b'],
    ['name', 'a;b'],
    ['name', 'a b'],
    ['name', ''],
  ] as const) {
    expect(rtpParametersSchema.safeParse(withText(where, text)).success, text).toBe(false);
  }
});

test('capabilities are held to the same', () => {
  const codec = { kind: 'audio', mimeType: 'audio/opus', clockRate: 48_000 };
  const capabilities = (parameters: object) => ({ codecs: [{ ...codec, parameters }] });
  expect(rtpCapabilitiesSchema.safeParse(capabilities({ useinbandfec: '1' })).success).toBe(true);
  expect(rtpCapabilitiesSchema.safeParse(capabilities({ useinbandfec: '1\r\na=x' })).success).toBe(false);
});
