import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  MAX_CALLS,
  NODES_PER_DATACENTER,
  type NodeEntry,
  type NodeRef,
  type Registry,
  type RoomClaim,
  type RoomHost,
} from './port.ts';

/** One registry under test, as an adapter's test provides it. */
export interface RegistryFixture {
  /** A connection to the same registry; several may be open. Rooms are forgotten after `ROOM_MS`. */
  open(): Promise<Registry>;
  /** Lets `ms` pass for leases: a fake clock, or real waiting. */
  advance(ms: number): Promise<void>;
  /** Ends what `make` started. */
  end(): Promise<void>;
}

const LEASE = 1500;
export const ROOM_MS = 2000;
const SITES = ['sjc', 'iad'];

/** What both adapters promise; `make` is called afresh for each test. */
export function registryContract(name: string, make: () => Promise<RegistryFixture>): void {
  describe(`registry contract: ${name}`, () => {
    let fixture: RegistryFixture;
    let registry: Registry;

    beforeEach(async () => {
      fixture = await make();
      registry = await fixture.open();
    });
    afterEach(async () => {
      await registry.close();
      await fixture.end();
    });

    const ids = async (datacenters = SITES) => (await registry.nodes(datacenters)).map(({ id }) => id);

    describe('nodes', () => {
      test('nobody is there at first', async () => {
        expect(await registry.nodes(SITES)).toEqual([]);
        expect(await registry.nodes([])).toEqual([]);
        expect(await registry.find([{ id: 'a', datacenter: 'sjc' }])).toEqual([]);
        expect(await registry.find([])).toEqual([]);
      });

      test('an announced node is there exactly as announced, on every connection', async () => {
        await registry.announce(entry('a'), LEASE);
        const other = await fixture.open();
        expect(await other.nodes(SITES)).toEqual([entry('a')]);
        expect(await other.find([entry('a')])).toEqual([entry('a')]);
        await other.close();
      });

      test('a later announcement replaces the record', async () => {
        await registry.announce(entry('a'), LEASE);
        const later = entry('a', { load: 0.75, body: 'sealed again' });
        await registry.announce(later, LEASE);
        expect(await registry.nodes(SITES)).toEqual([later]);
        expect(await registry.find([later])).toEqual([later]);
      });

      test('those of the datacenters asked for, and no others, in the order asked', async () => {
        await registry.announce(entry('b'), LEASE);
        await registry.announce(entry('a'), LEASE);
        await registry.announce(entry('c', { datacenter: 'iad' }), LEASE);
        await registry.announce(entry('d', { datacenter: 'fra' }), LEASE);
        expect(await ids()).toEqual(['a', 'b', 'c']);
        expect(await ids(['iad', 'sjc', 'iad'])).toEqual(['c', 'a', 'b']);
      });

      test('the same id in two datacenters is two nodes', async () => {
        const [here, there] = [entry('a'), entry('a', { datacenter: 'iad', body: 'other' })];
        await registry.announce(here, LEASE);
        await registry.announce(there, LEASE);
        expect(await registry.find([there, here])).toEqual([there, here]);
        await registry.withdraw(here);
        expect(await registry.nodes(SITES)).toEqual([there]);
      });

      test('the less loaded first, in coarse steps, and by id within one', async () => {
        const loads = { a: 0.9, b: 0.24, c: 0.01, d: 0.5, e: 1, f: Number.NaN, g: 0.99, h: 0 };
        for (const [id, load] of Object.entries(loads)) await registry.announce(entry(id, { load }), LEASE);
        expect(await ids()).toEqual(['b', 'c', 'h', 'd', 'a', 'g', 'e', 'f']);
      });

      test('so many of one datacenter at most, however many there are; each is still found', async () => {
        const all = Array.from({ length: 40 }, (_, i) => `n${String(i).padStart(2, '0')}`);
        for (const id of all.toReversed()) await registry.announce(entry(id), 20 * LEASE);
        expect(await ids()).toEqual(all.slice(0, NODES_PER_DATACENTER));
        const found = await registry.find(all.map((id) => ({ id, datacenter: 'sjc' })));
        expect(found.map(({ id }) => id)).toEqual(all);
      });

      test('dead nodes do not stand in the way of those that live', async () => {
        for (let i = 0; i < 30; i++) await registry.announce(entry(`a${i}`, { load: 0 }), 1);
        await registry.announce(entry('z', { load: 0.9 }), 20 * LEASE);
        await fixture.advance(LEASE / 2);
        expect(await ids()).toEqual(['z']);
      });

      test('a record disappears when its lease ends, and not before', async () => {
        await registry.announce(entry('a'), LEASE);
        await fixture.advance(LEASE / 2);
        expect(await ids()).toEqual(['a']);
        await fixture.advance(LEASE / 2 + 100);
        expect(await ids()).toEqual([]);
        expect(await registry.find([entry('a')])).toEqual([]);
      });

      test('a heartbeat extends the lease from its own moment, and no other lease', async () => {
        await registry.announce(entry('a'), LEASE);
        await registry.announce(entry('b'), LEASE);
        await fixture.advance(LEASE * 0.7);
        await registry.announce(entry('a'), LEASE);
        await fixture.advance(LEASE * 0.5);
        expect(await ids()).toEqual(['a']);
      });

      test('withdrawing removes this node at once, and no other; again, or before it was, is no error', async () => {
        await registry.withdraw(entry('a'));
        await registry.announce(entry('a'), LEASE);
        await registry.announce(entry('b'), LEASE);
        await registry.withdraw(entry('a'));
        await registry.withdraw(entry('a'));
        expect(await ids()).toEqual(['b']);
      });

      test('a withdrawn or expired node can announce itself again', async () => {
        await registry.announce(entry('a'), LEASE);
        await registry.withdraw(entry('a'));
        await registry.announce(entry('a'), LEASE / 10);
        await fixture.advance(LEASE / 2);
        await registry.announce(entry('a'), LEASE);
        expect(await registry.nodes(SITES)).toEqual([entry('a')]);
      });

      test('a call is heard by who announces in its datacenter, for a while; the newest are', async () => {
        const calls = Array.from({ length: MAX_CALLS + 2 }, (_, n) => String(n).padEnd(22, '-'));
        expect(await registry.announce(entry('a'), LEASE)).toEqual([]);
        for (const call of calls) await registry.call('sjc', call);
        const heard = calls.slice(2).reverse();
        const other = await fixture.open();
        expect(await registry.announce(entry('a'), LEASE)).toEqual(heard);
        expect(await other.announce(entry('b'), LEASE)).toEqual(heard);
        expect(await other.announce(entry('c', { datacenter: 'iad' }), LEASE)).toEqual([]);
        await other.close();
      });

      test('a lease that is not above zero is refused', async () => {
        for (const lease of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
          await expect(registry.announce(entry('a'), lease)).rejects.toThrow(RangeError);
        }
        expect(await ids()).toEqual([]);
      });
    });

    describe('rooms', () => {
      test('one that nobody claimed has the epoch 0 and no hosts', async () => {
        expect(await registry.room('r')).toEqual({ epoch: 0, hosts: [], regions: null });
      });

      test('a claim on what was read is written whole, and seen by all', async () => {
        const host = part('a', { homes: [{ home: 'us', count: 3 }], evidence: ['eu', 'us'], moves: false });
        const { claimed, record } = await registry.claimRoom('r', claim({ host, regions: ['us', 'eu'] }));
        expect({ claimed, record }).toEqual({
          claimed: true,
          record: { epoch: 1, hosts: [host], regions: ['us', 'eu'] },
        });
        const other = await fixture.open();
        expect(await other.room('r')).toEqual(record);
        expect((await other.room('another')).epoch).toBe(0);
        await other.close();
      });

      test('a claim on what has changed since is not written, and gives what stands', async () => {
        await registry.claimRoom('r', claim({ host: part('a') }));
        for (const epoch of [0, 2]) {
          const late = await registry.claimRoom('r', claim({ host: part('b'), regions: [], epoch }));
          expect(late).toEqual({ claimed: false, record: { epoch: 1, hosts: [part('a')], regions: null } });
        }
        const again = await registry.claimRoom('r', claim({ host: part('b'), epoch: 1 }));
        expect(again.claimed).toBe(true);
        expect(again.record).toEqual({ epoch: 2, hosts: [part('a'), part('b')], regions: null });
      });

      test('of many claims at once exactly one is written, each time', async () => {
        const connections = await Promise.all([1, 2, 3, 4].map(() => fixture.open()));
        const claims = connections.flatMap((c) => [c, c, c]);
        for (let epoch = 0; epoch < 5; epoch++) {
          const outcomes = await Promise.all(
            claims.map((c, i) => c.claimRoom('r', claim({ host: part(`n${i}`), epoch }))),
          );
          expect(outcomes.filter(({ claimed }) => claimed)).toHaveLength(1);
          expect((await registry.room('r')).epoch).toBe(epoch + 1);
        }
        for (const connection of connections) await connection.close();
      });

      test('a part is replaced by its own node, and leaves the others alone', async () => {
        await registry.claimRoom('r', claim({ host: part('a') }));
        const two = part('a', { nodeEpoch: 8, homes: [{ home: 'us', count: 2 }] });
        await registry.claimRoom('r', claim({ host: part('b'), epoch: 1 }));
        const { record } = await registry.claimRoom('r', claim({ host: two, epoch: 2 }));
        expect(record.hosts).toEqual([two, part('b')]);
      });

      test('a node of the same id in another datacenter has a part of its own', async () => {
        await registry.claimRoom('r', claim({ host: part('a') }));
        const other = part('a', { datacenter: 'iad' });
        const { record } = await registry.claimRoom('r', claim({ host: other, epoch: 1 }));
        expect(record.hosts).toEqual([other, part('a')]);
        const left = { node: ref('a', 'iad'), host: null, regions: null, seenEpoch: 0 };
        expect((await registry.restateRoom('r', left)).hosts).toEqual([part('a')]);
      });

      test('a part is restated whatever the epoch, which grows above all that was seen', async () => {
        const first = await registry.restateRoom('r', {
          node: ref('a'),
          host: part('a'),
          regions: null,
          seenEpoch: 41,
        });
        expect(first).toEqual({ epoch: 42, hosts: [part('a')], regions: null });
        const low = await registry.restateRoom('r', {
          node: ref('b'),
          host: part('b'),
          regions: null,
          seenEpoch: 3,
        });
        expect(low).toEqual({ epoch: 43, hosts: [part('a'), part('b')], regions: null });
        expect(await registry.room('r')).toEqual(low);
      });

      test('a part is taken out, and the record goes with the last one', async () => {
        await registry.claimRoom('r', claim({ host: part('a'), regions: ['us'] }));
        await registry.claimRoom('r', claim({ host: part('b'), regions: ['us'], epoch: 1 }));
        const left = { host: null, regions: null, seenEpoch: 2 };
        const one = await registry.restateRoom('r', { ...left, node: ref('a') });
        expect(one).toEqual({ epoch: 3, hosts: [part('b')], regions: ['us'] });
        const none = await registry.restateRoom('r', { ...left, node: ref('b') });
        expect(none).toMatchObject({ epoch: 4, hosts: [] });
        expect(await registry.room('r')).toEqual({ epoch: 0, hosts: [], regions: null });
        expect(await registry.restateRoom('r', { ...left, node: ref('b') })).toMatchObject({ hosts: [] });
        expect((await registry.room('r')).epoch).toBe(0);
      });

      test('narrowing only shrinks, whoever writes', async () => {
        const steps: [string[] | null, string[] | null][] = [
          [null, null],
          [
            ['us', 'eu', 'hk'],
            ['us', 'eu', 'hk'],
          ],
          [null, ['us', 'eu', 'hk']],
          [
            ['hk', 'eu', 'cn'],
            ['eu', 'hk'],
          ],
          [['us'], []],
          [['us'], []],
          [null, []],
        ];
        let epoch = 0;
        for (const [regions, left] of steps) {
          const { record } = await registry.claimRoom('r', claim({ host: part('a'), regions, epoch }));
          expect(record.regions).toEqual(left);
          const restated = await registry.restateRoom('r', {
            node: ref('a'),
            host: part('a'),
            regions,
            seenEpoch: 0,
          });
          expect(restated.regions).toEqual(left);
          epoch = restated.epoch;
        }
      });

      test('what nobody restates is forgotten', async () => {
        await registry.claimRoom('r', claim({ host: part('a') }));
        await registry.claimRoom('s', claim({ host: part('a') }));
        await fixture.advance(ROOM_MS * 0.6);
        await registry.restateRoom('s', { node: ref('a'), host: part('a'), regions: null, seenEpoch: 1 });
        await fixture.advance(ROOM_MS * 0.6);
        expect((await registry.room('r')).epoch).toBe(0);
        expect((await registry.room('s')).epoch).toBe(2);
      });
    });

    test('a bundle is the bytes that were put last', async () => {
      expect(await registry.bundle()).toBeNull();
      for (const bytes of [Uint8Array.of(0, 255, 10, 13, 128), new Uint8Array(100_000).fill(7)]) {
        await registry.putBundle(bytes);
        const read = await registry.bundle();
        expect(read && Buffer.from(read).equals(bytes)).toBe(true);
      }
    });

    test("a closed connection rejects with registry_unavailable, and does not end the nodes' leases", async () => {
      await registry.announce(entry('a'), 20 * LEASE);
      const other = await fixture.open();
      await other.close();
      await other.close();
      const calls = [
        other.announce(entry('b'), LEASE),
        other.withdraw(entry('a')),
        other.call('sjc', 'c'.repeat(22)),
        other.nodes(SITES),
        other.find([entry('a')]),
        other.room('r'),
        other.claimRoom('r', claim({ host: part('a') })),
        other.restateRoom('r', { node: ref('a'), host: null, regions: null, seenEpoch: 0 }),
        other.bundle(),
        other.putBundle(new Uint8Array()),
      ];
      for (const call of await Promise.allSettled(calls)) {
        expect(call).toMatchObject({ status: 'rejected', reason: { code: 'registry_unavailable' } });
      }
      expect(await ids()).toEqual(['a']);
    });
  });
}

function entry(id: string, over: Partial<NodeEntry> = {}): NodeEntry {
  return { id, datacenter: 'sjc', load: 0.25, body: `sealed ${id} ü`, ...over };
}

function part(node: string, over: Partial<RoomHost> = {}): RoomHost {
  return { node, nodeEpoch: 7, datacenter: 'sjc', homes: [], evidence: [], ...over };
}

function ref(id: string, datacenter = 'sjc'): NodeRef {
  return { id, datacenter };
}

function claim(over: Partial<RoomClaim> & { host: RoomHost }): RoomClaim {
  return { regions: null, epoch: 0, ...over };
}
