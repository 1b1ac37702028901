import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { randomFrom } from '../../loadtest/measure/random.ts';
import { freePort } from '../testing/free-port.ts';
import { waitFor } from '../testing/wait.ts';
import { startEngine, until } from './testing/fixture.ts';
import { TransportWatch } from './testing/transport-watch.ts';
import { DirectSource, offer, TestNode } from './testing/two-nodes.ts';
import { UdpRelay } from './testing/udp-relay.ts';
import type { PipeOptions, PipeSource } from './types.ts';

/** Two nodes in this process: ann publishes at `sjc`, whatever is consumed at `hkg` comes over a real pipe. */
const SJC = '127.0.0.1';
const HKG = '127.0.0.2';
const watch = new TransportWatch();
let sjc: TestNode;
let hkg: TestNode;
let relay: UdpRelay | undefined;

beforeAll(async () => {
  sjc = await TestNode.start('node-sjc', 'sjc', SJC);
  hkg = await TestNode.start('node-hkg', 'hkg', HKG);
});
afterAll(async () => {
  await Promise.all([sjc.engine.close(), hkg.engine.close()]);
  watch.close();
});
afterEach(() => {
  hkg.clear();
  sjc.clear();
  relay?.close();
  relay = undefined;
});

async function openRooms(lastN: number | null = null): Promise<DirectSource> {
  await Promise.all([sjc.open(lastN), hkg.open(lastN)]);
  return new DirectSource(hkg, sjc, relay);
}

/** Waits until a condition that has to be asked for holds. */
async function eventually(what: string, check: () => Promise<boolean>): Promise<void> {
  let held = false;
  let asking = false;
  await until(what, () => {
    if (!asking) {
      asking = true;
      void check()
        .then((now) => {
          held = now;
        })
        .finally(() => {
          asking = false;
        });
    }
    return held;
  });
}

describe('a producer at another node', () => {
  test('is piped while somebody consumes it, encrypted, with its neighbours in one pipe', async () => {
    const seen: string[] = [];
    relay = new UdpRelay((packet) => {
      seen.push(packet.toString('latin1'));
      return true;
    });
    const source = await openRooms();
    const ann = sjc.join('ann');
    const producers = await ann.publish([{ source: 'microphone' }, { source: 'camera' }]);
    for (const producerId of producers) offer(sjc, hkg, producerId, source);
    // Nobody consumes: nothing is asked for, and no end exists.
    expect(source.asked).toEqual([]);
    expect(watch.open(HKG)).toEqual([]);

    const bob = hkg.join('bob');
    await bob.subscribe();
    await until(
      'bob sees and hears ann',
      () => bob.count('ann', 'camera') > 20 && bob.count('ann', 'microphone') > 20,
    );
    expect([...bob.consumers.values()].map(({ peerId, source }) => [peerId, source]).sort()).toEqual([
      ['ann', 'camera'],
      ['ann', 'microphone'],
    ]);
    // One pair of ends for both, and nothing of it is readable.
    expect(watch.open(HKG)).toHaveLength(1);
    expect(watch.open(SJC)).toHaveLength(1);
    expect(sjc.room.pipesOut().map(({ node, datacenter, peerId }) => [node, datacenter, peerId])).toEqual([
      ['node-hkg', 'hkg', 'ann'],
      ['node-hkg', 'hkg', 'ann'],
    ]);
    expect(seen.length).toBeGreaterThan(40);
    expect(seen.some((packet) => packet.includes('ann/'))).toBe(false);
    expect((await hkg.room.pipeStats()).map(({ direction, node }) => [direction, node])).toEqual([
      ['in', 'node-sjc'],
    ]);

    // A second consumer takes what is here.
    const cec = hkg.join('cec');
    await cec.subscribe();
    await until('cec sees ann', () => cec.count('ann', 'camera') > 5);
    expect(source.asked.filter((asked) => asked.startsWith('open'))).toHaveLength(2);

    // The last one goes: both ends close, and later a new one opens.
    bob.close();
    cec.close();
    await until('the pipe is closed', () => watch.open(HKG).length === 0 && watch.open(SJC).length === 0);
    expect(sjc.room.pipesOut()).toEqual([]);
    const dan = hkg.join('dan');
    await dan.subscribe();
    await until('dan sees ann', () => dan.count('ann', 'camera') > 5);
  });

  test('layers, pauses and key frames work across', async () => {
    const source = await openRooms();
    const ann = sjc.join('ann');
    const [producerId = ''] = await ann.publish([{ source: 'camera', layers: 3 }]);
    expect(sjc.room.describe(producerId)).toMatchObject({ type: 'simulcast', topLayer: 2, peerId: 'ann' });
    const publication = offer(sjc, hkg, producerId, source);
    const bob = hkg.join('bob');
    await bob.subscribe();
    await until('the top layer', () => bob.count('ann', 'camera', 2) > 10);
    const [consumerId = ''] = bob.consumers.keys();
    expect(bob.consumers.get(consumerId)?.type).toBe('simulcast');

    await bob.peer.setConsumerLayers(consumerId, 0);
    await until('the bottom layer', () => bob.count('ann', 'camera', 0) > 10);
    await until('ann hears that less is wanted', () => ann.seen('wantedLayers').length === 1);
    expect(ann.seen('wantedLayers')).toEqual([{ producerId, spatialLayer: 0 }]);
    await bob.peer.setConsumerLayers(consumerId, 2);
    await until('ann hears that more is wanted', () => ann.seen('wantedLayers').length === 2);
    expect(ann.seen('wantedLayers').at(-1)).toEqual({ producerId, spatialLayer: 2 });

    // Nobody watches: nothing is sent, and the pipe stays.
    await bob.peer.pauseConsumers([consumerId]);
    await until('ann hears that nobody watches', () => ann.seen('wantedLayers').length === 3);
    await eventually('the pipe is silent', async () => {
      const before = await watch.sent(SJC);
      const ticks = ann.tick;
      await until('some packets later', () => ann.tick > ticks + 10);
      // Reports go on; media would be ten packets of each layer.
      return (await watch.sent(SJC)) - before < 500;
    });
    const asked = await ann.keyFrameRequests();
    await bob.peer.resumeConsumers([consumerId]);
    await eventually('a key frame is asked for', async () => (await ann.keyFrameRequests()) > asked);
    const resumed = bob.count('ann', 'camera');
    await until('media again', () => bob.count('ann', 'camera') > resumed + 10);

    await ann.peer.pauseProducer(producerId, 'host');
    const paused = sjc.room.describe(producerId);
    expect(paused).toMatchObject({ paused: true, pausedBy: 'host' });
    if (paused) publication.update(paused);
    expect(bob.seen('consumerPaused')).toEqual([{ consumerId, by: 'host' }]);
    await ann.peer.resumeProducer(producerId);
    const running = sjc.room.describe(producerId);
    if (running) publication.update(running);
    await until('bob hears of it', () => bob.seen('consumerResumed').length === 1);
    const again = bob.count('ann', 'camera');
    await until('media once more', () => bob.count('ann', 'camera') > again + 10);

    publication.close();
    await until('bob has none', () => bob.consumers.size === 0);
    expect(watch.open(HKG)).toEqual([]);
  });

  test('layers of one stream (SVC) work across, too', async () => {
    const source = await openRooms();
    const ann = sjc.join('ann');
    const [producerId = ''] = await ann.publish([{ source: 'camera', layers: 3, svc: true }]);
    expect(sjc.room.describe(producerId)).toMatchObject({ type: 'svc', topLayer: 2 });
    offer(sjc, hkg, producerId, source);
    const bob = hkg.join('bob');
    await bob.subscribe();
    await until('the top layer', () => bob.count('ann', 'camera', 2) > 10);
    const [consumer] = bob.consumers.values();
    expect(consumer?.type).toBe('svc');
    await bob.peer.setConsumerLayers(consumer?.consumerId ?? '', 0);
    await until('told of it', () =>
      JSON.stringify(bob.seen('consumerLayers').at(-1)).includes('"spatialLayer":0'),
    );
    const counted = () => [bob.count('ann', 'camera', 0), bob.count('ann', 'camera', 2)] as const;
    let [base, top] = counted();
    await until('the bottom layer alone', () => {
      const now = counted();
      if (now[1] !== top) [base, top] = now;
      return now[0] > base + 20;
    });
    await until('ann hears of it', () => ann.seen('wantedLayers').length === 1);
    expect(ann.seen('wantedLayers')).toEqual([{ producerId, spatialLayer: 0 }]);
  });

  test('over a path that delays, loses and reorders, media is repaired and key frames are asked for', async () => {
    const random = randomFrom(5);
    let lost = 0;
    // 120 ms each way, and for some 150, so that the next one overtakes them; feedback and repairs are lost, too.
    relay = new UdpRelay(
      (_packet, direction) => {
        if (random() >= 0.05) return true;
        if (direction === 'media') lost += 1;
        return false;
      },
      () => (random() < 0.05 ? 150 : 120),
    );
    const source = await openRooms();
    const ann = sjc.join('ann');
    const sources = ['microphone', 'camera', 'screen'] as const;
    for (const producerId of await ann.publish(sources.map((source) => ({ source })))) {
      offer(sjc, hkg, producerId, source);
    }
    const [bob, cec] = [hkg.join('bob'), hkg.join('cec')];
    await Promise.all([bob.subscribe(), cec.subscribe()]);
    await until('media', () => sources.every((name) => bob.count('ann', name) > 10));

    const from = ann.tick;
    const before = lost;
    await until('some are lost', () => lost - before >= 30);
    const to = ann.tick;
    const missing = () => sources.flatMap((name) => bob.missing('ann', name, from, to));
    // Audio is sent again for a second at most, which a busy machine may miss.
    await until('all but a few arrived', () => missing().length <= 3);

    // Bob's node alone knows that he needs one: cec goes on watching, so that the pipe is neither paused nor resumed.
    const camera = [...bob.consumers.values()].find((consumer) => consumer.source === 'camera');
    const consumerId = camera?.consumerId ?? '';
    const [keyFrames, requests] = [await ann.keyFrameRequests(), source.asked.length];
    await waitFor('a key frame is asked for', async () => {
      await bob.peer.pauseConsumers([consumerId]);
      await bob.peer.resumeConsumers([consumerId]);
      return (await ann.keyFrameRequests()) > keyFrames;
    });
    expect(source.asked).toHaveLength(requests);
  });

  test('speaks and is seen like any other', async () => {
    const source = await openRooms(1);
    const speakers: (string | null)[] = [];
    hkg.room.on('speakers', ({ dominant }) => speakers.push(dominant));
    const bob = hkg.join('bob');
    await bob.subscribe();
    const cec = hkg.join('cec');
    await cec.publish([{ source: 'camera' }]);
    const ann = sjc.join('ann');
    for (const producerId of await ann.publish([{ source: 'microphone' }, { source: 'camera' }])) {
      offer(sjc, hkg, producerId, source);
    }
    await until('bob sees cec alone', () => bob.count('cec', 'camera') > 5);
    await until('bob hears ann', () => bob.count('ann', 'microphone') > 5);
    expect(bob.count('ann', 'camera')).toBe(0);
    ann.speak(-10);
    await until('ann is the speaker', () => speakers.includes('ann'));
    await until('and is seen', () => bob.count('ann', 'camera') > 5);
    expect(bob.seen('consumerPaused').length).toBeGreaterThan(0);
  });
});

describe('the fence', () => {
  const refused = Object.assign(new Error('refused'), { code: 'region_not_admitted' });

  test('the sending node decides: not a packet leaves it', async () => {
    const source = await openRooms();
    sjc.gate.refuses.set('pipe ann hkg', refused);
    const ann = sjc.join('ann');
    const [producerId = ''] = await ann.publish([{ source: 'microphone' }]);
    offer(sjc, hkg, producerId, source);
    const bob = hkg.join('bob');
    await bob.subscribe();
    await until('it was asked', () => sjc.gate.asked.includes('pipe ann hkg'));
    await until(
      'and again, later',
      () => source.asked.filter((asked) => asked.startsWith('open')).length > 1,
    );
    expect(watch.open(SJC)).toEqual([]);
    expect(await watch.received(HKG)).toBe(0);
    expect(bob.consumers.size).toBe(0);
  });

  test('the receiving node decides: it asks for nothing', async () => {
    const source = await openRooms();
    hkg.gate.refuses.set('consume ann bob', refused);
    const bob = hkg.join('bob');
    await bob.subscribe();
    const ann = sjc.join('ann');
    const [producerId = ''] = await ann.publish([{ source: 'microphone' }]);
    offer(sjc, hkg, producerId, source);
    const ticks = ann.tick;
    await until('some packets', () => ann.tick > ticks + 10);
    expect(hkg.gate.asked).toContain('consume ann bob');
    expect(source.asked).toEqual([]);
    expect(watch.open(HKG)).toEqual([]);
  });

  test('judged again at either end, it closes at once, also while it is being made', async () => {
    const source = await openRooms();
    const ann = sjc.join('ann');
    const [producerId = ''] = await ann.publish([{ source: 'microphone' }]);
    offer(sjc, hkg, producerId, source);
    const bob = hkg.join('bob');
    await bob.subscribe();
    await until('media', () => bob.count('ann', 'microphone') > 5);
    sjc.gate.refuses.set('pipe ann hkg', refused);
    sjc.room.rejudge('ann');
    expect(sjc.room.pipesOut()).toEqual([]);
    expect(watch.open(SJC)).toEqual([]);
    await until('bob lost it', () => bob.consumers.size === 0);
    sjc.gate.refuses.clear();
    await until('it comes back by itself', () => bob.consumers.size === 1);
    await until('with media', () => watch.open(HKG).length === 1);

    // At the receiver, with a request under way.
    hkg.gate.refuses.set('consume ann bob', refused);
    hkg.room.rejudge('ann');
    expect(watch.open(HKG)).toEqual([]);
    expect(sjc.room.pipesOut()).toEqual([]);
    let go: () => void = () => {};
    source.delay = new Promise((resolve) => {
      go = resolve;
    });
    hkg.gate.refuses.clear();
    hkg.room.rejudge('ann');
    const opens = () => source.asked.filter((asked) => asked.startsWith('open')).length;
    const before = opens();
    await until('it asks again', () => opens() > before);
    hkg.gate.refuses.set('consume ann bob', refused);
    hkg.room.rejudge('ann');
    expect(watch.open(HKG)).toEqual([]);
    go();
    await until(
      'both ends are closed',
      () => sjc.room.pipesOut().length === 0 && watch.open(SJC).length === 0,
    );
    expect(watch.open(HKG)).toEqual([]);
  });

  test('what was received is not sent on', async () => {
    const source = await openRooms();
    const ann = sjc.join('ann');
    const [producerId = ''] = await ann.publish([{ source: 'microphone' }]);
    offer(sjc, hkg, producerId, source);
    const bob = hkg.join('bob');
    await bob.subscribe();
    await until('media', () => bob.count('ann', 'microphone') > 5);
    const [request] = source.requests;
    expect(request).toBeDefined();
    if (!request) return;
    expect(hkg.room.describe(producerId)).toBeUndefined();
    await expect(hkg.room.pipe({ node: 'third', datacenter: 'sjc' }, request)).rejects.toMatchObject({
      code: 'not_found',
    });
    expect(hkg.room.pipesOut()).toEqual([]);
  });
});

describe('what may go wrong', () => {
  test('the same request has the same answer; other ends and too many pipes are refused', async () => {
    const source = await openRooms();
    const ann = sjc.join('ann');
    const [producerId = ''] = await ann.publish([{ source: 'microphone' }]);
    offer(sjc, hkg, producerId, source);
    await hkg.join('bob').subscribe();
    await until('it is piped', () => sjc.room.pipesOut().length === 1 && source.requests.length === 1);
    const [request] = source.requests;
    if (!request) throw new Error('no request');
    const to = { node: 'node-hkg', datacenter: 'hkg' };
    const [one, two] = await Promise.all([sjc.room.pipe(to, request), sjc.room.pipe(to, request)]);
    expect(one).toEqual(two);
    expect(sjc.room.pipesOut()).toHaveLength(1);
    const bad = { code: 'bad_request' };
    const end = { ...request.end, port: 9 };
    await expect(sjc.room.pipe(to, { ...request, end })).rejects.toMatchObject(bad);
    await expect(sjc.room.pipe({ ...to, datacenter: 'sha' }, request)).rejects.toMatchObject(bad);
    const many = await Promise.allSettled(
      Array.from({ length: 40 }, (_, i) => sjc.room.pipe(to, { ...request, pipeId: `pipe-${i}` })),
    );
    const rejected = many.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
    expect(rejected).toHaveLength(9);
    expect(rejected[0]).toMatchObject({ code: 'too_many_pipes' });
    expect(() => offer(sjc, hkg, producerId, source)).toThrow(
      expect.objectContaining({ code: 'bad_request' }),
    );
    const local = sjc.room.describe(producerId);
    if (local) {
      expect(() => hkg.room.addRemote({ ...local, producerId: 'other', peerId: 'bob' }, source)).toThrow(
        expect.objectContaining({ code: 'already_joined' }),
      );
    }
  });

  test('a node that cannot be reached is asked again', async () => {
    const source = await openRooms();
    source.cut = true;
    const ann = sjc.join('ann');
    const [producerId = ''] = await ann.publish([{ source: 'microphone' }]);
    offer(sjc, hkg, producerId, source);
    const bob = hkg.join('bob');
    await bob.subscribe();
    await until('it was asked', () => source.asked.includes(`open ${producerId}`));
    source.cut = false;
    await until('bob hears ann', () => bob.count('ann', 'microphone') > 5);
    // What is lost while the far side still sends is made anew.
    source.lose(producerId);
    await until('bob lost it', () => bob.seen('consumerClosed').length === 1);
    const heard = bob.count('ann', 'microphone');
    await until('bob hears ann again', () => bob.count('ann', 'microphone') > heard + 5);
  });

  test('an engine does not start where pipes could not end, and keeps to their ports', async () => {
    const start = (pipes: PipeOptions) => startEngine({ listen: [{ ip: '127.0.0.3' }], pipes });
    await expect(start({ ip: '192.0.2.1' })).rejects.toThrow();
    const from = await freePort();
    const engine = await start({ ip: '127.0.0.3', ports: { min: from, max: from + 1 } });
    await engine.close();
    const made = watch.pipes.map(({ transport }) => transport.tuple).filter((t) => t.localIp === '127.0.0.3');
    expect(made).toHaveLength(1);
    expect([from, from + 1]).toContain(made[0]?.localPort);
  });

  test('a node without pipes neither sends nor gets any', async () => {
    const source = await openRooms();
    const ann = sjc.join('ann');
    const [producerId = ''] = await ann.publish([{ source: 'microphone' }]);
    const described = sjc.room.describe(producerId);
    if (!described) throw new Error('not described');
    const asked: unknown[] = [];
    const deaf: PipeSource = {
      node: 'node-sjc',
      open: async (request) => {
        asked.push(request);
        throw new Error('unreached');
      },
      release: () => {},
      wanted: () => {},
    };
    const plain = await TestNode.start('plain', 'fra', '127.0.0.3', { pipes: false });
    try {
      await plain.open();
      plain.room.addRemote(described, deaf);
      await plain.join('cec').subscribe();
      await until('the gate was asked', () => plain.gate.asked.includes('consume ann cec'));
      expect(source.asked).toEqual([]);
      expect(asked).toEqual([]);
    } finally {
      plain.clear();
      await plain.engine.close();
    }
  });
});
