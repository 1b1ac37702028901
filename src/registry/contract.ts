import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { NodeRecord, Registry } from './port.ts';

/** One registry under test, as an adapter's test provides it. */
export interface RegistryFixture {
  /** A connection to the same registry; several may be open. */
  open(): Promise<Registry>;
  /** Lets `ms` pass for leases: a fake clock, or real waiting. */
  advance(ms: number): Promise<void>;
  /** Ends what `make` started. */
  end(): Promise<void>;
}

const LEASE = 1000;

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

    test('nobody is there at first', async () => {
      expect(await registry.nodes()).toEqual([]);
    });

    test('an announced node is listed exactly as announced, on every connection', async () => {
      await registry.announce(record('a'), LEASE);
      const other = await fixture.open();
      expect(await other.nodes()).toEqual([record('a')]);
      await other.close();
    });

    test('a later announcement replaces the record', async () => {
      await registry.announce(record('a'), LEASE);
      const later = record('a', { state: 'draining', accepting: false, load: 0.75 });
      await registry.announce(later, LEASE);
      expect(await registry.nodes()).toEqual([later]);
    });

    test('several nodes, also of one datacenter, stand side by side', async () => {
      await registry.announce(record('b'), LEASE);
      await registry.announce(record('a'), LEASE);
      await registry.announce(record('c', { datacenter: 'iad' }), LEASE);
      expect((await registry.nodes()).map((n) => n.id).sort()).toEqual(['a', 'b', 'c']);
    });

    test('a record disappears when its lease ends, and not before', async () => {
      await registry.announce(record('a'), LEASE);
      await fixture.advance(LEASE / 2);
      expect(await registry.nodes()).toHaveLength(1);
      await fixture.advance(LEASE / 2 + 100);
      expect(await registry.nodes()).toEqual([]);
    });

    test('a heartbeat extends the lease from its own moment', async () => {
      await registry.announce(record('a'), LEASE);
      await fixture.advance(LEASE * 0.7);
      await registry.announce(record('a'), LEASE);
      await fixture.advance(LEASE * 0.7);
      expect(await registry.nodes()).toHaveLength(1);
    });

    test("one node's heartbeat does not extend another's lease", async () => {
      await registry.announce(record('a'), LEASE);
      await fixture.advance(LEASE * 0.7);
      await registry.announce(record('b'), LEASE);
      await fixture.advance(LEASE * 0.5);
      expect((await registry.nodes()).map((n) => n.id)).toEqual(['b']);
    });

    test('withdrawing removes this node at once, and no other', async () => {
      await registry.announce(record('a'), LEASE);
      await registry.announce(record('b'), LEASE);
      await registry.withdraw('a');
      expect((await registry.nodes()).map((n) => n.id)).toEqual(['b']);
    });

    test('withdrawing twice, or a node that never was, is no error', async () => {
      await registry.withdraw('a');
      await registry.announce(record('a'), LEASE);
      await registry.withdraw('a');
      await registry.withdraw('a');
      expect(await registry.nodes()).toEqual([]);
    });

    test('a withdrawn or expired node can announce itself again', async () => {
      await registry.announce(record('a'), LEASE);
      await registry.withdraw('a');
      await registry.announce(record('a'), LEASE);
      await fixture.advance(LEASE + 100);
      await registry.announce(record('a'), LEASE);
      expect(await registry.nodes()).toEqual([record('a')]);
    });

    test('a lease that is not above zero is refused', async () => {
      for (const lease of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
        await expect(registry.announce(record('a'), lease)).rejects.toThrow(RangeError);
      }
      expect(await registry.nodes()).toEqual([]);
    });

    test("a closed connection rejects with registry_unavailable, and does not end the nodes' leases", async () => {
      await registry.announce(record('a'), LEASE);
      const other = await fixture.open();
      await other.close();
      await other.close();
      await expect(other.announce(record('b'), LEASE)).rejects.toMatchObject({
        code: 'registry_unavailable',
      });
      await expect(other.withdraw('a')).rejects.toMatchObject({ code: 'registry_unavailable' });
      await expect(other.nodes()).rejects.toMatchObject({ code: 'registry_unavailable' });
      expect((await registry.nodes()).map((n) => n.id)).toEqual(['a']);
    });
  });
}

function record(id: string, over: Partial<NodeRecord> = {}): NodeRecord {
  return {
    id,
    datacenter: 'sjc',
    url: `wss://${id}.sjc.example.net`,
    state: 'ready',
    load: 0.25,
    accepting: true,
    policy: 'sha256:00',
    version: '0.1.0',
    ...over,
  };
}
