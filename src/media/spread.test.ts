import { afterEach, describe, expect, test } from 'vitest';
import { startEngine, TestGate, until } from './testing/fixture.ts';
import { TestPeer } from './testing/test-peer.ts';
import type { MediaEngine, MediaRoom } from './types.ts';

let engine: MediaEngine | undefined;
let peers: TestPeer[] = [];

afterEach(async () => {
  for (const peer of peers) peer.close();
  peers = [];
  await engine?.close();
  engine = undefined;
});

function join(room: MediaRoom, peerId: string): TestPeer {
  const peer = new TestPeer(room.addPeer(peerId));
  peers.push(peer);
  return peer;
}

const consumersOf = (of: MediaEngine) =>
  of
    .workers()
    .map(({ consumers }) => consumers)
    .sort();

describe('a room that outgrows a worker', () => {
  test('takes in the next, with its producers piped there; and survives its loss', async () => {
    const started = await startEngine({ workers: 2, limits: { consumersPerWorker: 2 } });
    engine = started;
    const gate = new TestGate();
    const room = await engine.openRoom('room', { lastN: null, gate });
    const ann = join(room, 'ann');
    const [producerId = ''] = await ann.publish([{ source: 'camera', layers: 3 }]);
    const early = ['bob', 'cec'].map((name) => join(room, name));
    for (const peer of early) await peer.subscribe();
    await until('the first worker is full', () => consumersOf(started).join() === '0,2');
    const late = ['dan', 'eve'].map((name) => join(room, name));
    for (const peer of late) await peer.subscribe();
    await until('the second took the late ones', () => consumersOf(started).join() === '2,2');
    for (const peer of [...early, ...late]) {
      await until(`${peer.peer.peerId} sees ann`, () => peer.count('ann', 'camera', 2) > 5);
    }

    // Layers, pauses and what is wanted work across the pipe.
    for (const peer of late) {
      const [consumerId = ''] = peer.consumers.keys();
      await peer.peer.setConsumerLayers(consumerId, 0);
    }
    await until('the bottom layer', () => late.every((peer) => peer.count('ann', 'camera', 0) > 5));
    expect(ann.seen('wantedLayers')).toEqual([]);
    await ann.peer.pauseProducer(producerId, 'publisher');
    expect(late[0]?.seen('consumerPaused')).toMatchObject([{ by: 'publisher' }]);
    await ann.peer.resumeProducer(producerId);
    const before = late.map((peer) => peer.count('ann', 'camera'));
    await until('media again', () =>
      late.every((peer, i) => peer.count('ann', 'camera') > (before[i] ?? 0) + 5),
    );

    // The other way: somebody on the second worker publishes.
    const [dan] = late;
    await dan?.publish([{ source: 'microphone' }]);
    await until('bob hears dan', () => (early[0]?.count('dan', 'microphone') ?? 0) > 5);

    // The second worker dies: only who sat there is reset, and comes back.
    const second = engine.workers().find(({ consumers }) => consumers === 3);
    for (const peer of late) peer.peer.on('reset', () => void peer.again());
    for (const peer of late) peer.received.clear();
    process.kill(second?.pid ?? 0, 'SIGKILL');
    await until('the late ones see ann again', () => late.every((peer) => peer.count('ann', 'camera') > 5));
    expect(early.flatMap((peer) => peer.seen('reset'))).toEqual([]);
    expect(ann.seen('reset')).toEqual([]);
  });

  test('leaves a worker that it does not need any more', async () => {
    engine = await startEngine({ workers: 2, limits: { consumersPerWorker: 1 } });
    const room = await engine.openRoom('room', { lastN: null, gate: new TestGate() });
    const ann = join(room, 'ann');
    await ann.publish([{ source: 'microphone' }]);
    const [bob, cec] = [join(room, 'bob'), join(room, 'cec')];
    await bob.subscribe();
    await until('bob hears ann', () => bob.count('ann', 'microphone') > 5);
    await cec.subscribe();
    await until('cec hears ann', () => cec.count('ann', 'microphone') > 5);
    expect(engine.workers().map(({ routers }) => routers)).toEqual([1, 1]);
    cec.close();
    expect(
      engine
        .workers()
        .map(({ routers }) => routers)
        .sort(),
    ).toEqual([0, 1]);
    const heard = bob.count('ann', 'microphone');
    await until('bob still hears ann', () => bob.count('ann', 'microphone') > heard + 5);
    room.close();
    expect(engine.workers().map(({ routers, consumers }) => [routers, consumers])).toEqual([
      [0, 0],
      [0, 0],
    ]);
  });

  test('rooms go to the least loaded worker', async () => {
    engine = await startEngine({ workers: 2 });
    for (const name of ['a', 'b', 'c', 'd']) {
      await engine.openRoom(name, { lastN: null, gate: new TestGate() });
    }
    expect(engine.workers().map(({ routers }) => routers)).toEqual([2, 2]);
  });
});

describe('last-N', () => {
  test('gives the cameras of those who speak, all audio and all screens', async () => {
    engine = await startEngine();
    const room = await engine.openRoom('room', { lastN: 1, gate: new TestGate() });
    const viewer = join(room, 'viewer');
    await viewer.subscribe();
    const [ann, bob] = [join(room, 'ann'), join(room, 'bob')];
    await ann.publish([{ source: 'microphone' }, { source: 'camera' }]);
    const [, bobCamera = ''] = await bob.publish([
      { source: 'microphone' },
      { source: 'camera' },
      { source: 'screen' },
    ]);
    await until(
      'viewer sees ann, and bob only by his screen',
      () =>
        viewer.count('ann', 'camera') > 5 &&
        viewer.count('bob', 'screen') > 5 &&
        viewer.count('bob', 'microphone') > 5,
    );
    expect(viewer.count('bob', 'camera')).toBe(0);
    const held = [...viewer.consumers.values()].find(
      ({ producerId }) => producerId === bobCamera,
    )?.consumerId;
    expect(viewer.seen('consumerPaused')).toContainEqual({ consumerId: held, by: 'lastN' });
    expect(viewer.peer.held()).toContainEqual({ consumerId: held, by: 'lastN' });

    // Bob speaks: his camera takes the place of ann's.
    bob.speak(-15);
    await until('viewer sees bob', () => viewer.count('bob', 'camera') > 5);
    expect(viewer.seen('consumerResumed')).toContainEqual({ consumerId: held });
    expect(viewer.seen('consumerPaused').at(-1)).toMatchObject({ by: 'lastN' });
    expect(viewer.seen('consumerPaused').at(-1)).not.toEqual({ consumerId: held, by: 'lastN' });

    // A camera that is switched off takes nobody's place.
    const seen = viewer.count('ann', 'camera');
    await bob.peer.pauseProducer(bobCamera, 'publisher');
    await until('viewer sees ann again', () => viewer.count('ann', 'camera') > seen + 5);
  });
});
