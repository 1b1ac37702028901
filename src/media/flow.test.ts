import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { LIMITS, startEngine, TestGate, until } from './testing/fixture.ts';
import { TestPeer } from './testing/test-peer.ts';
import { CAPABILITIES } from './testing/test-track.ts';
import type { MediaEngine, MediaRoom } from './types.ts';

let engine: MediaEngine;
let gate: TestGate;
let room: MediaRoom;
let peers: TestPeer[] = [];

beforeAll(async () => {
  engine = await startEngine();
});
afterAll(() => engine.close());
afterEach(() => {
  for (const peer of peers) peer.close();
  peers = [];
  room?.close();
});

async function openRoom(lastN: number | null = null): Promise<void> {
  gate = new TestGate();
  room = await engine.openRoom('room', { lastN, gate });
}

function join(peerId: string): TestPeer {
  const peer = new TestPeer(room.addPeer(peerId));
  peers.push(peer);
  return peer;
}

describe('media between peers', () => {
  test('flows both ways, decrypted, and is announced in batches', async () => {
    await openRoom();
    const [ann, bob] = [join('ann'), join('bob')];
    await Promise.all([ann.subscribe(), bob.subscribe()]);
    await ann.publish([{ source: 'microphone' }, { source: 'camera' }]);
    await bob.publish([{ source: 'microphone' }]);
    await until(
      'bob sees and hears ann',
      () => bob.count('ann', 'camera') > 20 && bob.count('ann', 'microphone') > 20,
    );
    await until('ann hears bob', () => ann.count('bob', 'microphone') > 20);
    expect(ann.consumers.size).toBe(1);
    expect([...bob.consumers.values()].map(({ source }) => source).sort()).toEqual(['camera', 'microphone']);
    expect(ann.seen('connectivity')).toEqual([{ connected: true }]);
    // A late one gets everything that is there in one batch.
    const cec = join('cec');
    await cec.subscribe();
    await until('cec has all', () => cec.consumers.size === 3);
    expect(cec.seen('consumersCreated')).toHaveLength(1);
    await until('cec sees ann', () => cec.count('ann', 'camera') > 5);
  });

  test('whoever cannot decode what somebody sends goes without it, and gets the rest', async () => {
    await openRoom();
    const [ann, bob] = [join('ann'), join('bob')];
    const { codecs = [], ...capabilities } = CAPABILITIES;
    await bob.subscribe({ ...capabilities, codecs: codecs.filter(({ kind }) => kind === 'audio') });
    await ann.publish([{ source: 'camera' }, { source: 'microphone' }]);
    await until('bob hears ann', () => bob.count('ann', 'microphone') > 5);
    expect([...bob.consumers.values()].map(({ source }) => source)).toEqual(['microphone']);
  });

  test('a subscriber pauses and resumes; a publisher does, and a host', async () => {
    await openRoom();
    const [ann, bob] = [join('ann'), join('bob')];
    await bob.subscribe();
    const [producerId = ''] = await ann.publish([{ source: 'microphone' }]);
    await until('media', () => bob.count('ann', 'microphone') > 5);
    const [consumerId = ''] = bob.consumers.keys();

    await bob.peer.pauseConsumers([consumerId]);
    await stopped(bob);
    await bob.peer.resumeConsumers([consumerId, 'unknown']);
    await flows(bob);
    // What the subscriber asked for itself is no news to it.
    expect(bob.seen('consumerPaused')).toEqual([]);

    await ann.peer.pauseProducer(producerId, 'host');
    await stopped(bob);
    expect(bob.seen('consumerPaused')).toEqual([{ consumerId, by: 'host' }]);
    expect(ann.seen('producerUpdated')).toMatchObject([{ producerId, paused: true }]);
    expect(bob.peer.consumers()).toMatchObject([{ consumerId, producerPaused: true }]);
    await ann.peer.resumeProducer(producerId);
    await flows(bob);
    expect(bob.seen('consumerResumed')).toEqual([{ consumerId }]);
    expect(ann.peer.producers()).toMatchObject([{ producerId, paused: false }]);

    ann.peer.closeProducer(producerId);
    expect(bob.seen('consumerClosed')).toEqual([{ consumerId }]);
    expect(() => ann.peer.closeProducer(producerId)).toThrow(expect.objectContaining({ code: 'not_found' }));
    await expect(bob.peer.resumeConsumers([consumerId])).rejects.toMatchObject({ code: 'not_found' });
  });

  test('a subscriber chooses the simulcast layer, and the publisher hears which are wanted', async () => {
    await openRoom();
    const [ann, bob] = [join('ann'), join('bob')];
    await bob.subscribe();
    const [producerId = ''] = await ann.publish([{ source: 'camera', layers: 3 }]);
    await until('the top layer', () => bob.count('ann', 'camera', 2) > 10);
    const [consumer] = bob.consumers.values();
    expect(consumer?.type).toBe('simulcast');
    const consumerId = consumer?.consumerId ?? '';

    await bob.peer.setConsumerLayers(consumerId, 0);
    await until('the bottom layer', () => bob.count('ann', 'camera', 0) > 10);
    await until('told of it', () =>
      JSON.stringify(bob.seen('consumerLayers').at(-1)).includes('"spatialLayer":0'),
    );
    await until('less is wanted', () => ann.seen('wantedLayers').length === 1);
    expect(ann.seen('wantedLayers')).toEqual([{ producerId, spatialLayer: 0 }]);

    // A second subscriber wants all of it, at once.
    const cec = join('cec');
    await cec.subscribe();
    await until('more is wanted', () => ann.seen('wantedLayers').length === 2);
    expect(ann.seen('wantedLayers').at(-1)).toEqual({ producerId, spatialLayer: 2 });
    cec.close();
    await until('less again', () => ann.seen('wantedLayers').length === 3);
    await bob.peer.pauseConsumers([consumerId]);
    await until('nobody watches', () => ann.seen('wantedLayers').length === 4);
    expect(ann.seen('wantedLayers').at(-1)).toEqual({ producerId, spatialLayer: null });
  });

  test('resuming asks for a key frame, and asking for more is bounded', async () => {
    await openRoom();
    const [ann, bob] = [join('ann'), join('bob')];
    await bob.subscribe();
    await ann.publish([{ source: 'camera' }]);
    await until('media', () => bob.count('ann', 'camera') > 5);
    const [consumerId = ''] = bob.consumers.keys();
    await bob.peer.pauseConsumers([consumerId]);
    const before = await ann.keyFrameRequests();
    await bob.peer.resumeConsumers([consumerId]);
    let asked = before;
    await until('resumed with a key frame', () => {
      void ann.keyFrameRequests().then((count) => {
        asked = count;
      });
      return asked > before;
    });
    const start = performance.now();
    for (let i = 0; i < 50; i += 1) await bob.peer.requestKeyFrame(consumerId);
    const seen = bob.count('ann', 'camera');
    await until('some time passed', () => bob.count('ann', 'camera') > seen + 10);
    const intervals = Math.ceil((performance.now() - start) / LIMITS.keyFrameInterval);
    expect((await ann.keyFrameRequests()) - asked).toBeLessThanOrEqual(intervals + 1);
    await expect(bob.peer.requestKeyFrame('unknown')).rejects.toMatchObject({ code: 'not_found' });
  });

  test('a certificate that is not the announced one: the transport and its producers are over', async () => {
    await openRoom();
    const [ann, bob] = [join('ann'), join('bob')];
    await bob.subscribe();
    ann.lie();
    // The transport may be over before the producer on it is made.
    const published = await ann.publish([{ source: 'microphone' }]).catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'not_found' });
      return [];
    });
    await until('the transport is over', () => ann.seen('transportClosed').length > 0);
    expect(ann.seen('transportClosed')).toEqual([{ transportId: ann.sendInfo?.transportId }]);
    expect(ann.seen('producerClosed')).toEqual(published.map((producerId) => ({ producerId, error: null })));
    expect(ann.seen('connectivity').at(-1)).toEqual({ connected: false });
    await until('bob lost it', () => bob.peer.consumers().length === 0);
    expect(bob.count('ann', 'microphone')).toBe(0);
    // And another may be made in its place.
    await expect(ann.peer.createTransport('send')).resolves.toBeDefined();
  });

  test('speakers are told, loudest first, and silence', async () => {
    await openRoom();
    const speakers: { dominant: string | null; volumes: { peerId: string; volume: number }[] }[] = [];
    room.on('speakers', (speaking) => speakers.push(speaking));
    const [ann, bob] = [join('ann'), join('bob')];
    await Promise.all([ann.publish([{ source: 'microphone' }]), bob.publish([{ source: 'microphone' }])]);
    ann.speak(-10);
    await until('ann is dominant', () => speakers.some(({ dominant }) => dominant === 'ann'));
    bob.speak(-40);
    await until('both are heard', () =>
      speakers.some(({ volumes }) => volumes.map(({ peerId }) => peerId).join() === 'ann,bob'),
    );
    ann.speak(-127);
    bob.speak(-127);
    await until('silence', () => speakers.at(-1)?.volumes.length === 0);
    expect(speakers.at(-1)?.dominant).toBeNull();
  });

  test('statistics are of the own media only, without addresses', async () => {
    await openRoom();
    const [ann, bob] = [join('ann'), join('bob')];
    await bob.subscribe();
    await ann.publish([{ source: 'microphone' }]);
    await until('media', () => bob.count('ann', 'microphone') > 5);
    const stats = await bob.peer.getStats();
    expect(stats.map(({ of }) => of)).toContain('transport');
    expect(stats.map(({ of }) => of)).toContain('consumer');
    expect(JSON.stringify(stats)).not.toContain('127.0.0.1');
    expect(stats.find(({ of }) => of === 'transport')?.iceProtocol).toBe('udp');
  });
});

async function stopped(peer: TestPeer): Promise<void> {
  // What was under way may still arrive: stopped is when nothing came for a while.
  await until('media stopped', () => still(peer), 15_000);
}
const marks = new WeakMap<TestPeer, { count: number; at: number }>();
function still(peer: TestPeer): boolean {
  const count = peer.count('ann', 'microphone');
  const mark = marks.get(peer);
  if (mark?.count === count) return performance.now() - mark.at > 400;
  marks.set(peer, { count, at: performance.now() });
  return false;
}
async function flows(peer: TestPeer): Promise<void> {
  const before = peer.count('ann', 'microphone');
  await until('media flows', () => peer.count('ann', 'microphone') > before + 10);
}
