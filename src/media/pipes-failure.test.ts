import { afterEach, describe, expect, test } from 'vitest';
import { until } from './testing/fixture.ts';
import type { TestPeer } from './testing/test-peer.ts';
import { TransportWatch } from './testing/transport-watch.ts';
import { DirectSource, offer, TestNode } from './testing/two-nodes.ts';
import type { MediaEngine, RemotePublication } from './types.ts';

const SJC = '127.0.0.1';
const HKG = '127.0.0.2';
let nodes: TestNode[] = [];

afterEach(async () => {
  for (const node of nodes) node.clear();
  await Promise.all(nodes.map(({ engine }) => engine.close()));
  nodes = [];
});

async function meeting(
  options: {
    sjc?: { workers: number };
    hkg?: { workers: number; limits?: { consumersPerWorker: number } };
  } = {},
): Promise<{ sjc: TestNode; hkg: TestNode; source: DirectSource }> {
  const [sjc, hkg] = await Promise.all([
    TestNode.start('node-sjc', 'sjc', SJC, options.sjc),
    TestNode.start('node-hkg', 'hkg', HKG, options.hkg),
  ]);
  nodes.push(sjc, hkg);
  await Promise.all([sjc.open(), hkg.open()]);
  return { sjc, hkg, source: new DirectSource(hkg, sjc) };
}

/** As clients do: everything anew when the worker is gone. */
function comesBack(peer: TestPeer): void {
  peer.peer.on('reset', () => void peer.again());
}

/** Kills the worker that carries the most consumers. */
function killBusiest(engine: MediaEngine): void {
  const [busiest] = [...engine.workers()].sort((a, b) => b.consumers - a.consumers);
  process.kill(busiest?.pid ?? 0, 'SIGKILL');
}

describe('a worker dies', () => {
  test('at the publisher: its new producers come by a new pipe', async () => {
    const { sjc, hkg, source } = await meeting();
    const ann = sjc.join('ann');
    const bob = hkg.join('bob');
    await bob.subscribe();
    const offered: RemotePublication[] = [];
    const [first = ''] = await ann.publish([{ source: 'camera' }]);
    offered.push(offer(sjc, hkg, first, source));
    await until('bob sees ann', () => bob.count('ann', 'camera') > 5);
    ann.peer.on('reset', () => {
      for (const publication of offered.splice(0)) publication.close();
      void ann.again().then(() => {
        for (const { producerId } of ann.peer.producers()) {
          offered.push(offer(sjc, hkg, producerId, source));
        }
      });
    });
    killBusiest(sjc.engine);
    await until('ann was reset', () => ann.seen('reset').length === 1);
    expect(sjc.room.pipesOut()).toEqual([]);
    const seen = bob.count('ann', 'camera');
    await until('bob sees ann again', () => bob.count('ann', 'camera') > seen + 5);
    expect(bob.seen('reset')).toEqual([]);
  });

  test('at the subscriber: what came by it comes again', async () => {
    const { sjc, hkg, source } = await meeting();
    const ann = sjc.join('ann');
    const bob = hkg.join('bob');
    comesBack(bob);
    await bob.subscribe();
    const [producerId = ''] = await ann.publish([{ source: 'camera' }]);
    offer(sjc, hkg, producerId, source);
    await until('bob sees ann', () => bob.count('ann', 'camera') > 5);
    killBusiest(hkg.engine);
    await until('bob was reset', () => bob.seen('reset').length === 1);
    const seen = bob.count('ann', 'camera');
    await until('bob sees ann again', () => bob.count('ann', 'camera') > seen + 5);
    expect(ann.seen('reset')).toEqual([]);
    await until('the old pipe is gone', () => sjc.room.pipesOut().length === 1);
  });
});

describe('a room on two workers', () => {
  test('lands each producer once, and survives the loss of where it landed', async () => {
    const watch = new TransportWatch();
    const { sjc, hkg, source } = await meeting({ hkg: { workers: 2, limits: { consumersPerWorker: 1 } } });
    const ann = sjc.join('ann');
    const [producerId = ''] = await ann.publish([{ source: 'camera', layers: 2 }]);
    offer(sjc, hkg, producerId, source);
    const [bob, cec] = [hkg.join('bob'), hkg.join('cec')];
    await bob.subscribe();
    await until('bob sees ann', () => bob.count('ann', 'camera') > 5);
    await cec.subscribe();
    await until('cec sees ann', () => cec.count('ann', 'camera') > 5);
    expect(hkg.engine.workers().map(({ consumers }) => consumers)).toEqual([1, 1]);
    expect(source.requests).toHaveLength(1);
    expect(watch.open(HKG)).toHaveLength(1);

    // Whoever sits where it lands goes: the other is still sent it.
    const landing = watch.pipes.find(({ transport }) => transport === watch.open(HKG)[0])?.workerPid;
    bob.close();
    const later = cec.count('ann', 'camera');
    await until('cec still sees ann', () => cec.count('ann', 'camera') > later + 5);
    expect(hkg.engine.workers().map(({ routers }) => routers)).toEqual([1, 1]);

    // The worker where it lands dies: cec, on the other, gets it by a new pipe, and is not reset.
    process.kill(landing ?? 0, 'SIGKILL');
    await until('it is asked for again', () => source.requests.length > 1);
    const lost = cec.count('ann', 'camera');
    await until('cec sees ann again', () => cec.count('ann', 'camera') > lost + 5);
    expect(cec.seen('reset')).toEqual([]);
    cec.close();
    await until('nothing is piped', () => sjc.room.pipesOut().length === 0);
    watch.close();
  });
});
