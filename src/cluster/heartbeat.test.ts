import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { plainSealer } from '../identity/sealer.ts';
import { MemoryRegistry, MemoryStore } from '../registry/memory.ts';
import { CALLS_MS, type NodeRecord } from '../registry/port.ts';
import { createHeartbeat, HEARTBEAT_MS, LEASE_MS, loadOf, type NodeStatus } from './heartbeat.ts';

const NODE = {
  id: 'n1',
  datacenter: 'sjc',
  url: 'wss://sjc.example.net',
  link: '192.0.2.1:7000',
  epoch: 7,
  version: '0.1.0',
};

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

function setUp() {
  const store = new MemoryStore(() => Date.now());
  const registry = new MemoryRegistry(store);
  const status: { now: NodeStatus } = {
    now: { load: 0.5, accepting: true, policy: 'sha256:00', state: 'ready' },
  };
  const health: boolean[] = [];
  const heartbeat = createHeartbeat({
    registry,
    sealer: plainSealer(),
    node: NODE,
    status: () => status.now,
    onHealth: (healthy) => health.push(healthy),
    now: () => Date.now(),
  });
  const entry = async () => (await new MemoryRegistry(store).nodes(['sjc']))[0];
  const seen = async (): Promise<NodeRecord | undefined> => {
    const found = await entry();
    const opened = found && plainSealer().open(found);
    return opened?.ok ? opened.record : undefined;
  };
  return { registry, heartbeat, status, health, seen, entry };
}

test('announces at once, and again before the lease ends, with what is true then', async () => {
  const { heartbeat, status, seen } = setUp();
  await heartbeat.start();
  expect(await seen()).toMatchObject({ ...NODE, load: 0.5, state: 'ready', accepting: true });
  status.now = { ...status.now, load: 0.9, accepting: false };
  await vi.advanceTimersByTimeAsync(HEARTBEAT_MS + 10);
  expect(await seen()).toMatchObject({ load: 0.9, accepting: false });
  await vi.advanceTimersByTimeAsync(LEASE_MS * 5);
  expect(await seen()).toBeDefined();
  expect(heartbeat.healthy()).toBe(true);
  await heartbeat.stop();
});

test('what is called is repeated from the next announcement on, for as long as it stands', async () => {
  const { heartbeat, registry, seen } = setUp();
  await registry.call('sjc', 'c'.repeat(22));
  await heartbeat.start();
  expect((await seen())?.calls).toEqual([]);
  await vi.advanceTimersByTimeAsync(HEARTBEAT_MS + 10);
  expect((await seen())?.calls).toEqual(['c'.repeat(22)]);
  await vi.advanceTimersByTimeAsync(CALLS_MS + HEARTBEAT_MS);
  expect((await seen())?.calls).toEqual([]);
  await heartbeat.stop();
});

test('every announcement has a number, and a node that takes nobody stands last in the index', async () => {
  const { heartbeat, status, seen, entry } = setUp();
  await heartbeat.start();
  expect(await seen()).toMatchObject({ epoch: 7, sequence: 0 });
  expect(await entry()).toMatchObject({ load: 0.5 });
  for (const takesNobody of [{ accepting: false }, { state: 'starting' }] as const) {
    status.now = { load: 0.5, accepting: true, policy: 'sha256:00', state: 'ready', ...takesNobody };
    await vi.advanceTimersByTimeAsync(HEARTBEAT_MS + 10);
    expect(await entry()).toMatchObject({ load: 1 });
  }
  expect(await seen()).toMatchObject({ epoch: 7, sequence: 2, load: 0.5 });
  await heartbeat.stop();
});

test('a node that dies is gone within 10 s', async () => {
  const { heartbeat, registry, seen } = setUp();
  await heartbeat.start();
  await vi.advanceTimersByTimeAsync(HEARTBEAT_MS - 1);
  await registry.close();
  await vi.advanceTimersByTimeAsync(10_000);
  expect(await seen()).toBeUndefined();
  const stopped = heartbeat.stop();
  await vi.advanceTimersByTimeAsync(5_000);
  await stopped;
});

test('stopping withdraws the record and ends the beat', async () => {
  const { heartbeat, registry, seen } = setUp();
  const announce = vi.spyOn(registry, 'announce');
  await heartbeat.start();
  await heartbeat.stop();
  await heartbeat.stop();
  expect(await seen()).toBeUndefined();
  const before = announce.mock.calls.length;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(announce.mock.calls.length).toBe(before);
  expect(heartbeat.healthy()).toBe(false);
  expect(vi.getTimerCount()).toBe(0);
});

test('draining is announced at once and stays announced', async () => {
  const { heartbeat, seen } = setUp();
  await heartbeat.start();
  await heartbeat.drain();
  expect(await seen()).toMatchObject({ state: 'draining', accepting: false });
  await vi.advanceTimersByTimeAsync(HEARTBEAT_MS * 4);
  expect(await seen()).toMatchObject({ state: 'draining', accepting: false });
  await heartbeat.stop();
});

describe('a registry that fails', () => {
  test('is tried again a bounded number of times in a beat, and told of once', async () => {
    const { heartbeat, registry, health } = setUp();
    const announce = vi.spyOn(registry, 'announce').mockRejectedValue(new Error('down'));
    const started = heartbeat.start();
    await vi.advanceTimersByTimeAsync(2_000);
    await started;
    expect(announce.mock.calls.length).toBe(3);
    expect(heartbeat.healthy()).toBe(false);
    await vi.advanceTimersByTimeAsync(30_000);
    expect(announce.mock.calls.length).toBeLessThan(40);
    expect(health).toEqual([false]);
    expect(heartbeat.problem()).toBe('this node is not registered: the registry cannot be reached');
    announce.mockRestore();
    await vi.advanceTimersByTimeAsync(HEARTBEAT_MS + 2_000);
    expect(health).toEqual([false, true]);
    expect(heartbeat.healthy()).toBe(true);
    expect(heartbeat.problem()).toBeNull();
    await heartbeat.stop();
  });

  test('by never answering is not waited for', async () => {
    const { heartbeat, registry } = setUp();
    vi.spyOn(registry, 'announce').mockReturnValue(new Promise(() => {}));
    vi.spyOn(registry, 'withdraw').mockReturnValue(new Promise(() => {}));
    const started = heartbeat.start();
    await vi.advanceTimersByTimeAsync(6_000);
    await started;
    const stopped = heartbeat.stop();
    await vi.advanceTimersByTimeAsync(4_000);
    await stopped;
    expect(vi.getTimerCount()).toBe(0);
  });
});

test('the load is that of the running workers; without one the node is full', () => {
  expect(loadOf([])).toBe(1);
  expect(loadOf([{ state: 'dead', load: 0 }])).toBe(1);
  expect(
    loadOf([
      { state: 'running', load: 0.2 },
      { state: 'running', load: 0.4 },
      { state: 'dead', load: 0 },
    ]),
  ).toBeCloseTo(0.3);
  expect(loadOf([{ state: 'running', load: 7 }])).toBe(1);
});
