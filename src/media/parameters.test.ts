import { observer, type types } from 'mediasoup';
import { pino } from 'pino';
import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import type { ConsumerInfo } from '../protocol/state.ts';
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
