import { ortc, type types } from 'mediasoup';
import { expect, test } from 'vitest';
import { MEDIA_CODECS } from './codecs.ts';
import { capabilitiesOfKind } from './rtp.ts';

const ROUTER = ortc.generateRouterRtpCapabilities([...MEDIA_CODECS]);

test.each(['audio', 'video'] as const)('capabilities of %s make the same consumer as all do', (kind) => {
  const own = capabilitiesOfKind(ROUTER, kind);
  expect(own.codecs?.length).toBeLessThan(ROUTER.codecs?.length ?? 0);
  expect(new Set(own.codecs?.map((codec) => codec.kind))).toEqual(new Set([kind]));
  expect(consumerOf(kind, own)).toEqual(consumerOf(kind, ROUTER));
});

/** What a consumer with these capabilities would be sent of a producer that offers all of its kind, but for SSRCs. */
function consumerOf(kind: types.MediaKind, capabilities: types.RtpCapabilities) {
  const { codecs = [], headerExtensions = [] } = capabilitiesOfKind(ROUTER, kind);
  const parameters = ortc.getConsumerRtpParameters({
    consumableRtpParameters: {
      codecs: codecs.map(({ preferredPayloadType, kind: _, ...codec }) => ({
        ...codec,
        payloadType: preferredPayloadType,
      })),
      headerExtensions: headerExtensions.map(({ uri, preferredId }) => ({ uri, id: preferredId })),
      encodings: [{ ssrc: 1 }],
      rtcp: {},
    },
    remoteRtpCapabilities: structuredClone(capabilities),
    pipe: false,
    enableRtx: kind === 'video',
  });
  return { ...parameters, encodings: parameters.encodings?.length };
}
