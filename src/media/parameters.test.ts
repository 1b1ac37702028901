import fc from 'fast-check';
import { observer, type types } from 'mediasoup';
import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { WatershedError } from '../protocol/errors.ts';
import {
  rtpCapabilitiesSchema,
  rtpParametersSchema,
  type WireRtpCapabilities,
  type WireRtpParameters,
} from '../protocol/rtp.ts';
import { type ConsumerInfo, consumerInfoSchema } from '../protocol/state.ts';
import { startEngine, TestGate, until } from './testing/fixture.ts';
import { CAPABILITIES } from './testing/test-track.ts';
import type { MediaEngine } from './types.ts';

const recordSchema = z.object({ level: z.number(), msg: z.string() });

let engine: MediaEngine;
/** What our own code logged as an error. */
let faults: string[];

async function start(): Promise<void> {
  faults = [];
  const write = (line: string): void => {
    const { level, msg } = recordSchema.parse(JSON.parse(line));
    if (level >= 50 && msg.startsWith('media:')) faults.push(msg);
  };
  engine = await startEngine({}, { logger: pino({ level: 'error' }, { write }) });
}
afterEach(() => engine.close());

const OPUS = { mimeType: 'audio/opus', payloadType: 111, clockRate: 48_000, channels: 2 };
const VP8 = { mimeType: 'video/VP8', payloadType: 96, clockRate: 90_000 };

test('a consumer that the protocol has no form for is given up, and holds no other up', async () => {
  const spoil = (worker: types.Worker): void => {
    worker.observer.on('newrouter', (router) => {
      router.observer.on('newtransport', (transport) => {
        transport.observer.on('newconsumer', (consumer) => {
          const value = { ...consumer.rtpParameters, mid: 'm'.repeat(33) };
          if (consumer.kind === 'video') Object.defineProperty(consumer, 'rtpParameters', { value });
        });
      });
    });
  };
  observer.on('newworker', spoil);
  try {
    await start();
  } finally {
    observer.off('newworker', spoil);
  }
  const room = await engine.openRoom('room', { lastN: null, gate: new TestGate() });
  const [ann, bob] = [room.addPeer('ann'), room.addPeer('bob')];
  const { transportId } = await ann.createTransport('send');
  for (const [kind, source, codec, ssrc] of [
    ['video', 'camera', VP8, 1],
    ['audio', 'microphone', OPUS, 2],
  ] as const) {
    const rtpParameters = { mid: source, codecs: [codec], encodings: [{ ssrc }] };
    await ann.produce({ transportId, kind, source, rtpParameters });
  }
  const told: ConsumerInfo[] = [];
  bob.on('consumersCreated', (consumers) => told.push(...consumers));
  bob.setReceiveCapabilities(CAPABILITIES);
  await bob.createTransport('receive');
  await until('an announcement', () => told.length > 0);
  expect(told.map(({ source }) => source)).toEqual(['microphone']);
  expect(bob.consumers()).toEqual(told);
  expect(faults).toEqual(['media: a consumer cannot be told of']);
});

const feedback = fc.array(
  fc.record(
    {
      type: fc.constantFrom('nack', 'ccm', 'goog-remb', 'transport-cc', 'x'.repeat(32)),
      parameter: fc.string({ maxLength: 32 }),
    },
    { requiredKeys: ['type'] },
  ),
  { maxLength: 16 },
);
const text = (maxLength: number) => fc.string({ maxLength }).map((any) => any.replaceAll(';', ','));
const codecParameters = fc.dictionary(
  fc.constantFrom(
    'apt',
    'useinbandfec',
    'profile-id',
    'packetization-mode',
    'profile-level-id',
    'x'.repeat(64),
  ),
  fc.oneof(text(256), fc.integer(), fc.double({ noNaN: true, noDefaultInfinity: true })),
  { maxKeys: 4 },
);
const codecShape = {
  clockRate: fc.constantFrom(48_000, 90_000, 1, 2 ** 40),
  channels: fc.integer({ min: 1, max: 8 }),
  parameters: codecParameters,
  rtcpFeedback: feedback,
};
const mimeType = fc.constantFrom(
  'audio/opus',
  'audio/OPUS',
  'video/VP8',
  'video/VP9',
  'video/H264',
  'video/rtx',
  'audio/x',
  'video/x',
);
const payloadType = fc.integer({ min: 0, max: 127 });
const headerUri = fc.constantFrom(
  'urn:ietf:params:rtp-hdrext:sdes:mid',
  'urn:ietf:params:rtp-hdrext:ssrc-audio-level',
  'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time',
  'urn:of:nobody',
);
const headerId = fc.integer({ min: 1, max: 255 });
const ssrc = fc.oneof(fc.integer({ min: 0, max: 4 }), fc.integer({ min: 0, max: 0xffffffff }));
const rare = <T>(usual: T, odd: fc.Arbitrary<T>): fc.Arbitrary<T> =>
  fc.oneof({ weight: 12, arbitrary: fc.constant(usual) }, { weight: 1, arbitrary: odd });

/** Whatever the schema lets through, as a rule near enough to the usual for the worker to take it. */
const parameters: fc.Arbitrary<WireRtpParameters> = fc.constantFrom(OPUS, VP8).chain((usual) =>
  fc.record(
    {
      mid: fc.string({ maxLength: 32 }),
      msid: fc.string({ maxLength: 256 }),
      codecs: fc
        .tuple(
          fc.record({ parameters: codecParameters, rtcpFeedback: feedback }, { requiredKeys: [] }),
          rare(
            [],
            fc.array(
              fc.record(
                { mimeType, payloadType, ...codecShape },
                { requiredKeys: ['mimeType', 'payloadType', 'clockRate'] },
              ),
              { maxLength: 31 },
            ),
          ),
        )
        .map(([more, others]) => [{ ...usual, ...more }, ...others]),
      headerExtensions: fc.array(
        fc.record(
          { uri: headerUri, id: headerId, encrypt: fc.boolean(), parameters: codecParameters },
          { requiredKeys: ['uri', 'id'] },
        ),
        { maxLength: 4 },
      ),
      encodings: fc.array(
        fc.record(
          {
            ssrc,
            rid: fc.string({ maxLength: 32 }),
            codecPayloadType: rare(usual.payloadType, payloadType),
            rtx: fc.record({ ssrc }),
            dtx: fc.boolean(),
            scalabilityMode: fc.oneof(fc.constantFrom('L1T1', 'L1T3', 'L3T3'), fc.string({ maxLength: 32 })),
            maxBitrate: rare(500_000, fc.double({ min: Number.MIN_VALUE, max: 1e300, noNaN: true })),
          },
          { requiredKeys: ['ssrc'] },
        ),
        { minLength: 1, maxLength: 3 },
      ),
      rtcp: fc.record(
        { cname: fc.string({ maxLength: 256 }), reducedSize: fc.boolean() },
        { requiredKeys: [] },
      ),
    },
    { requiredKeys: ['codecs', 'encodings'] },
  ),
);
const capabilities: fc.Arbitrary<WireRtpCapabilities> = fc
  .record({
    rtcpFeedback: feedback,
    others: rare(
      [],
      fc.array(
        fc.record(
          {
            kind: fc.constantFrom('audio', 'video'),
            mimeType,
            preferredPayloadType: payloadType,
            ...codecShape,
          },
          { requiredKeys: ['kind', 'mimeType', 'clockRate'] },
        ),
        { maxLength: 60 },
      ),
    ),
    headerExtensions: fc.array(
      fc.record(
        {
          kind: fc.constantFrom('audio', 'video'),
          uri: headerUri,
          preferredId: headerId,
          preferredEncrypt: fc.boolean(),
        },
        { requiredKeys: ['kind', 'uri', 'preferredId'] },
      ),
      { maxLength: 4 },
    ),
  })
  .map(({ rtcpFeedback, others, headerExtensions }) => ({
    codecs: [...(CAPABILITIES.codecs ?? []).map((codec) => ({ ...codec, rtcpFeedback })), ...others],
    headerExtensions,
  }));

test('whatever parameters and capabilities the protocol lets through are taken and told, or refused by a code', async () => {
  await start();
  const room = await engine.openRoom('room', { lastN: null, gate: new TestGate() });
  const outcomes = new Map<string, number>();
  const count = (outcome: string): void => {
    outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
  };
  let n = 0;
  await fc.assert(
    fc.asyncProperty(parameters, capabilities, async (sent, received) => {
      const { success, data: rtpParameters } = rtpParametersSchema.safeParse(sent);
      if (!success) return;
      n += 1;
      const [ann, bob] = [room.addPeer(`ann-${n}`), room.addPeer(`bob-${n}`)];
      bob.on('consumersCreated', (consumers) => {
        for (const consumer of consumers) consumerInfoSchema.parse(consumer);
        count('told');
      });
      try {
        bob.setReceiveCapabilities(rtpCapabilitiesSchema.parse(received));
        await bob.createTransport('receive');
        const { transportId } = await ann.createTransport('send');
        const kind = rtpParameters.codecs[0]?.mimeType === OPUS.mimeType ? 'audio' : 'video';
        await ann.produce({
          transportId,
          kind,
          source: kind === 'audio' ? 'microphone' : 'camera',
          rtpParameters,
        });
        count('taken');
        // Behind the request that makes the consumer, and behind the announcement.
        for (let turn = 0; turn < 2; turn += 1) await bob.getStats();
        await new Promise((resolve) => setImmediate(resolve));
      } catch (error) {
        if (!(error instanceof WatershedError)) throw error;
        expect(error).toMatchObject({ code: 'unsupported_media' });
        count(error.code);
      } finally {
        ann.close();
        bob.close();
      }
    }),
    { seed: 2026, numRuns: 120 },
  );
  expect(faults).toEqual([]);
  expect(engine.workers()).toMatchObject([{ state: 'running', restarts: 0 }]);
  for (const outcome of ['taken', 'told', 'unsupported_media']) {
    expect(outcomes.get(outcome) ?? 0, outcome).toBeGreaterThan(5);
  }
});
