import { afterAll, beforeAll, expect, test } from 'vitest';
import { startEngine, TestGate, until } from './testing/fixture.ts';
import { Flooder } from './testing/flooder.ts';
import { TestPeer } from './testing/test-peer.ts';
import type { MediaEngine } from './types.ts';

let engine: MediaEngine;

beforeAll(async () => {
  engine = await startEngine({ limits: { maxIncomingBitrate: 150_000 } });
});
afterAll(() => engine.close());

test('who sends too much loses what is largest, and its transport when it sends on all the same', async () => {
  const room = await engine.openRoom('room', { lastN: null, gate: new TestGate() });
  const [flood, calm, viewer] = ['flood', 'calm', 'viewer'].map((id) => new TestPeer(room.addPeer(id)));
  if (!flood || !calm || !viewer) throw new Error('no peers');
  try {
    await viewer.subscribe();
    // 50 packets a second of 1000 bytes; and of 200, below the limit.
    const [, cameraId] = await flood.publish([{ source: 'microphone' }, { source: 'camera', filling: 1000 }]);
    await calm.publish([{ source: 'camera', filling: 200 }]);
    await until('media', () => viewer.count('flood', 'camera') > 5);
    await until('the camera is closed', () => flood.seen('producerClosed').length > 0);
    expect(flood.seen('producerClosed')[0]).toMatchObject({
      producerId: cameraId,
      error: { code: 'bitrate_exceeded' },
    });
    expect(flood.peer.producers()).toMatchObject([{ source: 'microphone' }]);
    expect(viewer.seen('consumerClosed')).toHaveLength(1);
    const [heard, seen] = [viewer.count('flood', 'microphone'), viewer.count('calm', 'camera')];
    await until('its sound goes on', () => viewer.count('flood', 'microphone') > heard + 10);

    // The microphone is not to blame for what comes beside it.
    await until('the transport is closed', () => flood.seen('transportClosed').length > 0);
    expect(flood.seen('producerClosed').slice(1)).toMatchObject([{ error: null }]);
    expect(flood.peer.producers()).toEqual([]);

    expect(calm.peer.producers()).toHaveLength(1);
    expect(viewer.count('calm', 'camera')).toBeGreaterThan(seen + 50);
  } finally {
    for (const peer of [flood, calm, viewer]) peer.close();
    room.close();
  }
});

test('who sends where it is only sent to loses that transport, and who receives keeps it', async () => {
  const room = await engine.openRoom('feedback', { lastN: null, gate: new TestGate() });
  const [speaker, viewer] = ['speaker', 'viewer'].map((id) => new TestPeer(room.addPeer(id)));
  const flooded = room.addPeer('flooded');
  const lost: string[] = [];
  flooded.on('transportClosed', ({ transportId }) => lost.push(transportId));
  const flooder = new Flooder();
  if (!speaker || !viewer) throw new Error('no peers');
  try {
    await viewer.subscribe();
    await speaker.publish([{ source: 'camera', filling: 200 }]);
    const receive = await flooded.createTransport('receive');
    flooder.start(receive, 4_000_000);
    await until('the transport is closed', () => lost.length > 0, 25_000);
    expect(lost).toEqual([receive.transportId]);
    expect(viewer.count('speaker', 'camera')).toBeGreaterThan(100);
    expect(viewer.seen('transportClosed')).toEqual([]);
  } finally {
    flooder.close();
    for (const peer of [speaker, viewer]) peer.close();
    flooded.close();
    room.close();
  }
});
