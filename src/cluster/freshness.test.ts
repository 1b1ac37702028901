import { beforeEach, describe, expect, it } from 'vitest';
import { WatershedError } from '../protocol/errors.ts';
import { CALL, type Call, type NodeRecord } from '../registry/port.ts';
import { createFreshness, type Freshness, STALE_MS, type Stamp } from './freshness.ts';
import { HEARTBEAT_MS, LEASE_MS } from './heartbeat.ts';
import { nodeOf, zoom2020 } from './testing/door.ts';

const p = zoom2020();
let now = 0;
let asked: string[] = [];
let answer: () => Promise<Stamp>;
let called: [datacenter: string, call: Call][] = [];
let isRegistryUp = true;
let freshness: Freshness;
beforeEach(() => {
  now = 1000;
  asked = [];
  called = [];
  isRegistryUp = true;
  answer = () => Promise.reject(new Error('unreachable'));
  freshness = createFreshness({
    own: { id: 'sjc-1', datacenter: 'sjc' },
    ask: ({ id, datacenter, link }) => {
      asked.push(`${id} ${datacenter} ${link}`);
      return answer();
    },
    call: async (datacenter, call) => {
      if (!isRegistryUp) throw new WatershedError('registry_unavailable');
      called.push([datacenter, call]);
    },
    now: () => now,
  });
});

function record(epoch: number, sequence: number, over: Partial<NodeRecord> = {}): NodeRecord {
  return nodeOf(p, 'iad', { id: 'iad-1', link: '192.0.2.1:7000', epoch, sequence, ...over });
}

describe('the first record that is seen of a node', () => {
  it('is believed once the node has confirmed it, which is asked once', async () => {
    answer = async () => ({ epoch: 5, sequence: 3 });
    expect(await Promise.all([freshness.judge(record(5, 3)), freshness.judge(record(5, 3))])).toEqual([
      null,
      null,
    ]);
    expect(await freshness.judge(record(5, 4))).toBe(null);
    expect(asked).toEqual(['iad-1 iad 192.0.2.1:7000']);
  });

  it('of this node itself is believed, and nobody asked', async () => {
    expect(await freshness.judge(record(5, 3, { id: 'sjc-1', datacenter: 'sjc' }))).toBe(null);
    expect(asked).toEqual([]);
  });

  it('may be one behind what the node says: it announced meanwhile', async () => {
    answer = async () => ({ epoch: 5, sequence: 4 });
    expect(await freshness.judge(record(5, 3))).toBe(null);
  });

  it.each([
    ['of an earlier start', 4, 99],
    ['of long ago', 5, 7],
  ])('is not believed where it is %s', async (_which, epoch, sequence) => {
    answer = async () => ({ epoch: 5, sequence: 20 });
    expect(await freshness.judge(record(epoch, sequence))).toBe('record_outdated');
    expect(await freshness.judge(record(5, 20))).toBe(null);
    expect(asked).toHaveLength(1);
  });

  it.each([['192.0.2.1:7000'], [null]])(
    'of a node that cannot be asked (%s) is believed once it repeats what was called since',
    async (link) => {
      expect(await freshness.judge(record(5, 3, { link }))).toBe('record_unconfirmed');
      expect(called).toEqual([['iad', expect.stringMatching(CALL)]]);
      const calls = called.map(([, call]) => call);
      now += HEARTBEAT_MS;
      expect(await freshness.judge(record(5, 4, { link, calls: ['c'.repeat(22)] }))).toBe(
        'record_unconfirmed',
      );
      expect(await freshness.judge(record(5, 5, { link, calls }))).toBe(null);
      now += HEARTBEAT_MS;
      expect(await freshness.judge(record(5, 6, { link }))).toBe(null);
      expect(asked).toHaveLength(link === null ? 0 : 1);
    },
  );

  it('of a node that is gone is not believed, though a whole run of its records is written again', async () => {
    // It had heard another node's call, and this node's call to another datacenter.
    await freshness.judge(record(1, 1, { id: 'fra-1', datacenter: 'fra' }));
    const calls = ['c'.repeat(22), ...called.map(([, call]) => call)];
    for (let n = 0; n < 100; n += 1) {
      expect(await freshness.judge(record(5, 3 + n, { calls }))).toBe('record_unconfirmed');
      now += HEARTBEAT_MS;
    }
  });

  it('is called for again where the call did not get through, or was displaced, and not more often', async () => {
    isRegistryUp = false;
    expect(await freshness.judge(record(5, 3))).toBe('record_unconfirmed');
    isRegistryUp = true;
    for (let n = 0; n < 20; n += 1) {
      now += HEARTBEAT_MS;
      for (const id of ['iad-1', 'iad-2']) await freshness.judge(record(5, 4 + n, { id }));
    }
    expect(called).toHaveLength(4);
    expect(new Set(called.map(([, call]) => call)).size).toBe(4);
  });

  it('of a node that is gone is never believed, however often it is written again', async () => {
    for (let n = 0; n < 20; n += 1) {
      expect(await freshness.judge(record(5, 3))).toBe('record_unconfirmed');
      now += HEARTBEAT_MS;
    }
    // It is asked again now and then: it may only have been out of reach.
    expect(asked).toHaveLength(Math.ceil((20 * HEARTBEAT_MS) / LEASE_MS));
    answer = async () => ({ epoch: 6, sequence: 0 });
    now += LEASE_MS;
    expect(await freshness.judge(record(6, 0))).toBe(null);
  });
});

describe('a record that was believed', () => {
  it('is so no longer once it has stood still for longer than its lease', async () => {
    answer = async () => ({ epoch: 5, sequence: 3 });
    expect(await freshness.judge(record(5, 3))).toBe(null);
    now += STALE_MS;
    expect(await freshness.judge(record(5, 3))).toBe(null);
    now += 1;
    expect(await freshness.judge(record(5, 3))).toBe('record_stale');
    expect(freshness.stale(record(5, 3))).toBe(true);
    expect(await freshness.judge(record(5, 4))).toBe(null);
    expect(freshness.stale(record(5, 4))).toBe(false);
  });

  it('may come after a long time in which nobody asked', async () => {
    answer = async () => ({ epoch: 5, sequence: 3 });
    expect(await freshness.judge(record(5, 3))).toBe(null);
    now += 3_600_000;
    expect(await freshness.judge(record(5, 1203))).toBe(null);
  });
});
