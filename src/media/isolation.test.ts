import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { WatershedError } from '../protocol/errors.ts';
import { startEngine, TestGate, until } from './testing/fixture.ts';
import { TestPeer } from './testing/test-peer.ts';
import type { MediaEngine, MediaRoom } from './types.ts';

const PRODUCERS = 2;
const CONSUMERS = 3;
const refused = new WatershedError('region_not_admitted');
let engine: MediaEngine;
let gate: TestGate;
let room: MediaRoom;
let peers: TestPeer[] = [];

beforeAll(async () => {
  engine = await startEngine({ limits: { producersPerPeer: PRODUCERS, consumersPerPeer: CONSUMERS } });
});
afterAll(() => engine.close());
afterEach(() => {
  for (const peer of peers) peer.close();
  peers = [];
  room.close();
});

async function openRoom(): Promise<void> {
  gate = new TestGate();
  room = await engine.openRoom('room', { lastN: null, gate });
}

function join(peerId: string): TestPeer {
  const peer = new TestPeer(room.addPeer(peerId));
  peers.push(peer);
  return peer;
}

async function meeting(): Promise<[TestPeer, TestPeer]> {
  await openRoom();
  const [ann, bob] = [join('ann'), join('bob')];
  await bob.subscribe();
  await ann.publish([{ source: 'microphone' }]);
  await until('media', () => bob.count('ann', 'microphone') > 3);
  return [ann, bob];
}

describe('the gate', () => {
  test('refuses a transport before there is one', async () => {
    await openRoom();
    const ann = join('ann');
    gate.refuses.set('transport ann', refused);
    await expect(ann.peer.createTransport('send')).rejects.toBe(refused);
    await expect(ann.subscribe()).rejects.toBe(refused);
    expect(gate.asked).toEqual(['transport ann', 'transport ann']);
    expect(await ann.peer.getStats()).toEqual([]);
    // The refusal leaves no trace: once admitted, the same peer may have its transport.
    gate.refuses.clear();
    await ann.peer.createTransport('send');
    expect(await ann.peer.getStats()).toHaveLength(1);
  });

  test('refuses new ICE credentials', async () => {
    await openRoom();
    const ann = join('ann');
    const { transportId, iceParameters } = await ann.peer.createTransport('send');
    const restarted = await ann.peer.restartIce(transportId);
    expect(restarted.password).not.toBe(iceParameters.password);
    gate.refuses.set('transport ann', refused);
    await expect(ann.peer.restartIce(transportId)).rejects.toBe(refused);
  });

  test('refuses a producer, and a consumer for one subscriber only', async () => {
    await openRoom();
    const [ann, bob, cec] = [join('ann'), join('bob'), join('cec')];
    await Promise.all([bob.subscribe(), cec.subscribe()]);
    gate.refuses.set('produce ann', refused);
    await expect(ann.publish([{ source: 'microphone' }])).rejects.toBe(refused);
    expect(ann.peer.producers()).toEqual([]);
    gate.refuses.clear();
    ann.close();

    gate.refuses.set('consume ann bob', refused);
    await join('ann').publish([{ source: 'microphone' }]);
    await until('cec hears ann', () => cec.count('ann', 'microphone') > 3);
    expect(gate.asked).toContain('consume ann bob');
    expect(bob.peer.consumers()).toEqual([]);
    expect(bob.consumers.size).toBe(0);
  });

  test('refuses an address: transports close first, then it is said', async () => {
    await openRoom();
    const [ann, bob] = [join('ann'), join('bob')];
    await bob.subscribe();
    gate.refuses.set('address ann 127.0.0.1', refused);
    const statsWhenTold: Promise<unknown[]>[] = [];
    ann.peer.on('forbidden', () => statsWhenTold.push(ann.peer.getStats()));
    // The address may be selected before or after the producer is made.
    await ann.publish([{ source: 'microphone' }]).catch((error: unknown) => expect(error).toBe(refused));
    await until('forbidden', () => ann.seen('forbidden').length > 0);
    expect(ann.seen('forbidden')).toEqual([{ error: refused }]);
    expect(await statsWhenTold[0]).toEqual([]);
    expect(ann.peer.producers()).toEqual([]);
    await until('bob lost ann', () => bob.consumers.size === 0);
    // For good: asking again is answered with the same refusal.
    await expect(ann.peer.createTransport('send')).rejects.toBe(refused);
  });

  test('judges again, and closes what it now refuses: one consumer', async () => {
    const [ann, bob] = await meeting();
    gate.refuses.set('consume ann bob', refused);
    ann.peer.rejudge();
    expect(bob.seen('consumerClosed')).toHaveLength(1);
    expect(bob.peer.consumers()).toEqual([]);
    // Allowed again, it comes back by itself.
    gate.refuses.clear();
    bob.peer.rejudge();
    await until('consumer is back', () => bob.seen('consumersCreated').length === 2);
  });

  test('judges again, and closes what it now refuses: producers, then everything', async () => {
    const [ann, bob] = await meeting();
    gate.refuses.set('produce ann', refused);
    ann.peer.rejudge();
    expect(ann.seen('producerClosed')).toHaveLength(1);
    expect(bob.seen('consumerClosed')).toHaveLength(1);
    gate.refuses.set('transport bob', refused);
    bob.peer.rejudge();
    expect(bob.seen('forbidden')).toEqual([{ error: refused }]);
    expect(await bob.peer.getStats()).toEqual([]);
  });

  test('judges again where media comes from', async () => {
    const [ann, bob] = await meeting();
    gate.refuses.set('address ann 127.0.0.1', refused);
    ann.peer.rejudge();
    expect(ann.seen('forbidden')).toEqual([{ error: refused }]);
    expect(await ann.peer.getStats()).toEqual([]);
    expect(bob.seen('consumerClosed')).toHaveLength(1);
    await expect(ann.peer.createTransport('send')).rejects.toBe(refused);
  });

  test('a judgement while a transport, a producer or a consumer is being made holds for it, too', async () => {
    await openRoom();
    const [ann, bob, cec] = [join('ann'), join('bob'), join('cec')];
    const transport = ann.peer.createTransport('send');
    gate.refuses.set('transport ann', refused);
    cec.peer.rejudge();
    await expect(transport).rejects.toBe(refused);
    expect(await ann.peer.getStats()).toEqual([]);
    gate.refuses.clear();
    const seated = ann.peer.createTransport('send');
    // Without I/O in between: the seat is found, and the worker is asked, but has not answered yet.
    for (let i = 0; i < 100; i += 1) await Promise.resolve();
    gate.refuses.set('transport ann', refused);
    cec.peer.rejudge();
    await expect(seated).rejects.toBe(refused);
    expect(await ann.peer.getStats()).toEqual([]);
    gate.refuses.clear();

    const { transportId } = await ann.peer.createTransport('send');
    const produce = (ssrc: number) =>
      ann.peer.produce({
        transportId,
        kind: 'audio',
        source: 'microphone',
        rtpParameters: {
          codecs: [{ mimeType: 'audio/opus', payloadType: 111, clockRate: 48000, channels: 2 }],
          encodings: [{ ssrc }],
        },
      });
    const producer = produce(1);
    gate.refuses.set('produce ann', refused);
    cec.peer.rejudge();
    await expect(producer).rejects.toBe(refused);
    expect(ann.peer.producers()).toEqual([]);
    gate.refuses.clear();

    await bob.subscribe();
    await produce(2);
    // Bob's consumer is asked for in the turn that made the producer, and not answered by the worker yet.
    expect(gate.asked).toContain('consume ann bob');
    gate.refuses.set('consume ann bob', refused);
    cec.peer.rejudge();
    await cec.subscribe();
    await until('cec has it', () => cec.peer.consumers().length === 1);
    expect(bob.peer.consumers()).toEqual([]);
    expect((await bob.peer.getStats()).map(({ of }) => of)).not.toContain('consumer');
  });

  test('a leg that is judged in the midst of an address check closes, and the address may stay', async () => {
    await openRoom();
    const [ann, bob] = [join('ann'), join('bob')];
    await bob.subscribe();
    const plain = gate.assertAddress.bind(gate);
    // As rooms do when an address widens a label.
    gate.assertAddress = (peerId, remoteAddress) => {
      plain(peerId, remoteAddress);
      if (peerId !== 'ann' || gate.refuses.size > 0) return;
      gate.refuses.set('consume ann bob', refused);
      ann.peer.rejudge();
    };
    await ann.publish([{ source: 'microphone' }]);
    await until('the address was judged', () => gate.asked.includes('address ann 127.0.0.1'));
    await until('bob has none', () => bob.peer.consumers().length === 0);
    expect(ann.seen('forbidden')).toEqual([]);
    expect(ann.peer.producers()).toHaveLength(1);
  });
});

describe('limits', () => {
  test('one transport each way, a closed one may be replaced', async () => {
    await openRoom();
    const ann = join('ann');
    const [first, second] = await Promise.allSettled([
      ann.peer.createTransport('send'),
      ann.peer.createTransport('send'),
    ]);
    expect(first.status).toBe('fulfilled');
    expect(second).toMatchObject({ reason: { code: 'too_many_transports' } });
    await ann.peer.createTransport('receive');
  });

  test('producers of one peer', async () => {
    await openRoom();
    const ann = join('ann');
    await expect(
      ann.publish([{ source: 'microphone' }, { source: 'camera' }, { source: 'screen' }]),
    ).rejects.toMatchObject({ code: 'too_many_producers' });
    expect(ann.peer.producers()).toHaveLength(PRODUCERS);
    const [producer] = ann.peer.producers();
    ann.peer.closeProducer(producer?.producerId ?? '');
    expect(ann.peer.producers()).toHaveLength(PRODUCERS - 1);
  });

  test('consumers of one peer: audio first, and more when one closes', async () => {
    await openRoom();
    const bob = join('bob');
    for (const name of ['p', 'q']) await join(name).publish([{ source: 'camera' }, { source: 'microphone' }]);
    await bob.subscribe();
    await until('as many as allowed', () => bob.consumers.size === CONSUMERS);
    const audio = [...bob.consumers.values()].filter(({ kind }) => kind === 'audio');
    expect(audio).toHaveLength(2);
    const publisher = peers.find(({ peer }) => peer.peerId === audio[0]?.peerId);
    publisher?.peer.closeProducer(audio[0]?.producerId ?? '');
    await until('the next', () => bob.seen('consumersCreated').length === 2);
    expect(bob.consumers.size).toBe(CONSUMERS);
  });

  test('parameters that do not fit have a code', async () => {
    await openRoom();
    const ann = join('ann');
    const { transportId } = await ann.peer.createTransport('send');
    const { transportId: receiving } = await ann.peer.createTransport('receive');
    const rtpParameters = {
      codecs: [{ mimeType: 'audio/opus', payloadType: 111, clockRate: 48000, channels: 2 }],
      encodings: [{ ssrc: 1 }],
    };
    const produce = { transportId, kind: 'audio', source: 'microphone', rtpParameters } as const;
    const unsupported = { code: 'unsupported_media' };
    await expect(ann.peer.produce({ ...produce, kind: 'video' })).rejects.toMatchObject(unsupported);
    await expect(ann.peer.produce({ ...produce, source: 'camera' })).rejects.toMatchObject(unsupported);
    const video = {
      codecs: [{ mimeType: 'video/VP8', payloadType: 96, clockRate: 90000 }],
      encodings: [{ ssrc: 9 }],
    };
    await expect(ann.peer.produce({ ...produce, rtpParameters: video })).rejects.toMatchObject(unsupported);
    await expect(
      ann.peer.produce({
        ...produce,
        rtpParameters: { codecs: [{ mimeType: 'audio/G722', payloadType: 9, clockRate: 8000 }] },
      }),
    ).rejects.toMatchObject(unsupported);
    await expect(ann.peer.produce({ ...produce, transportId: receiving })).rejects.toMatchObject({
      code: 'not_found',
    });
    await ann.peer.produce(produce);
    // The same SSRC again.
    await expect(ann.peer.produce(produce)).rejects.toMatchObject(unsupported);
    expect(() =>
      ann.peer.setReceiveCapabilities({
        codecs: [{ kind: 'audio', mimeType: 'audio/opus', clockRate: 48000 }],
      }),
    ).toThrow(expect.objectContaining(unsupported));
  });

  test('no more layers than nodes can tell each other of', async () => {
    await openRoom();
    const { peer } = join('ann');
    const { transportId } = await peer.createTransport('send');
    const produce = (scalabilityMode: string, ssrc: number) =>
      peer.produce({
        transportId,
        kind: 'video',
        source: 'camera',
        rtpParameters: {
          codecs: [
            { mimeType: 'video/VP9', payloadType: 98, clockRate: 90000, parameters: { 'profile-id': 0 } },
          ],
          encodings: [{ ssrc, scalabilityMode }],
        },
      });
    for (const mode of ['L9T1', 'S12T3', 'L1T9']) {
      await expect(produce(mode, 1)).rejects.toMatchObject({ code: 'unsupported_media' });
    }
    const { producerId } = await produce('L8T8', 2);
    expect(room.describe(producerId)).toMatchObject({ topLayer: 7 });
  });

  test('connecting twice is the same once, and otherwise refused', async () => {
    await openRoom();
    const ann = join('ann');
    const { transportId } = await ann.peer.createTransport('send');
    const parameters = (byte: string) =>
      ({
        role: 'client',
        fingerprints: [{ algorithm: 'sha-256', value: Array(32).fill(byte).join(':') }],
      }) as const;
    await ann.peer.connectTransport(transportId, {
      ...parameters('AB'),
      fingerprints: [...parameters('AB').fingerprints],
    });
    await ann.peer.connectTransport(transportId, {
      ...parameters('AB'),
      fingerprints: [...parameters('AB').fingerprints],
    });
    await expect(
      ann.peer.connectTransport(transportId, {
        ...parameters('CD'),
        fingerprints: [...parameters('CD').fingerprints],
      }),
    ).rejects.toMatchObject({ code: 'bad_request' });
    await expect(ann.peer.restartIce('nothing')).rejects.toMatchObject({ code: 'not_found' });
  });
});
