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

function isAlive(pid: number | null): boolean {
  if (pid === null) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe('a worker dies', () => {
  test('in a call of four: media is back for all, others are untouched', async () => {
    engine = await startEngine({ workers: 2 });
    const died: unknown[] = [];
    engine.on('workerDied', (death) => died.push(death));
    const room = await engine.openRoom('struck', { lastN: null, gate: new TestGate() });
    const other = await engine.openRoom('other', { lastN: null, gate: new TestGate() });
    const names = ['ann', 'bob', 'cec', 'dan'];
    const four = names.map((name) => join(room, name));
    const [eve, fay] = [join(other, 'eve'), join(other, 'fay')];
    await Promise.all([...four, fay].map((peer) => peer.subscribe()));
    await Promise.all(
      [...four, eve].map((peer) => peer.publish([{ source: 'microphone' }, { source: 'camera' }])),
    );
    const allSee = () =>
      four.every((peer) =>
        names.every((name) => name === peer.peer.peerId || peer.count(name, 'camera') > 5),
      );
    await until('everybody sees everybody', allSee);
    await until('fay sees eve', () => fay.count('eve', 'camera') > 5);

    const struck = engine.workers().find(({ routers, consumers }) => routers === 1 && consumers > 10);
    expect(struck?.consumers).toBe(4 * 3 * 2);
    for (const peer of four) peer.peer.on('reset', () => void peer.again());
    for (const peer of four) peer.received.clear();
    const faySaw = fay.count('eve', 'camera');
    process.kill(struck?.pid ?? 0, 'SIGKILL');
    await until('everybody sees everybody again', allSee, 10_000);

    expect(four.map((peer) => peer.seen('reset'))).toEqual(Array(4).fill([{ reason: 'worker_died' }]));
    // Everything of theirs is gone with the reset: no single consumer or transport is told of.
    for (const peer of four) expect(peer.seen('transportClosed')).toEqual([]);
    expect(fay.seen('reset')).toEqual([]);
    await until('fay still sees eve', () => fay.count('eve', 'camera') > faySaw + 5);
    expect(died).toEqual([{ index: struck?.index, pid: struck?.pid, expected: false }]);
    await until(
      'the worker is replaced',
      () => engine?.workers().every(({ state }) => state === 'running') ?? false,
    );
    expect(engine.workers().find(({ index }) => index === struck?.index)?.restarts).toBe(1);
  });

  test('the only one: a transport asked for at once waits for the next', async () => {
    engine = await startEngine({ basePort: 0 });
    const room = await engine.openRoom('room', { lastN: null, gate: new TestGate() });
    const ann = join(room, 'ann');
    await ann.peer.createTransport('send');
    let made: Promise<unknown> | undefined;
    ann.peer.on('reset', () => {
      made = ann.peer.createTransport('send');
    });
    const [{ pid } = { pid: null }] = engine.workers();
    process.kill(pid ?? 0, 'SIGKILL');
    await until('reset', () => made !== undefined);
    expect(await made).toMatchObject({ iceCandidates: [{ protocol: 'udp' }] });
    expect(engine.workers()[0]?.pid).not.toBe(pid);
  });

  test('asked to by a signal: expected, and replaced all the same if the node goes on', async () => {
    engine = await startEngine();
    const died: unknown[] = [];
    engine.on('workerDied', (death) => died.push(death));
    const [{ pid } = { pid: null }] = engine.workers();
    process.kill(pid ?? 0, 'SIGTERM');
    await until('it ended', () => died.length === 1);
    expect(died).toEqual([{ index: 0, pid, expected: true }]);
    expect(engine.workers()[0]?.state).toBe('dead');
    await until('replaced', () => engine?.workers()[0]?.state === 'running');
  });

  test('a signal to this process ends no worker by itself', async () => {
    const before = process.listenerCount('SIGTERM');
    engine = await startEngine({ workers: 2 });
    expect(process.listenerCount('SIGTERM')).toBe(before);
  });
});

describe('the end', () => {
  test('close ends the processes and is the same twice', async () => {
    engine = await startEngine({ workers: 2 });
    const died: unknown[] = [];
    engine.on('workerDied', (death) => died.push(death));
    const room = await engine.openRoom('room', { lastN: null, gate: new TestGate() });
    let closed = 0;
    room.on('closed', () => {
      closed += 1;
    });
    const ann = join(room, 'ann');
    await ann.publish([{ source: 'camera', layers: 3 }]);
    const pids = engine.workers().map(({ pid }) => pid);
    expect(pids.every(isAlive)).toBe(true);
    await Promise.all([engine.close(), engine.close()]);
    expect(pids.some(isAlive)).toBe(false);
    expect(closed).toBe(1);
    expect(died).toEqual([]);
    await expect(engine.openRoom('late', { lastN: null, gate: new TestGate() })).rejects.toMatchObject({
      code: 'worker_unavailable',
    });
    await expect(ann.peer.createTransport('receive')).rejects.toMatchObject({ code: 'not_found' });
  });

  test('close while workers are being replaced leaves none', async () => {
    engine = await startEngine({ workers: 2 });
    const started: number[] = [];
    let died = 0;
    engine.on('workerStarted', ({ pid }) => started.push(pid));
    engine.on('workerDied', () => {
      died += 1;
    });
    for (const { pid } of engine.workers()) process.kill(pid ?? 0, 'SIGKILL');
    // One may be replaced before the other's end is known.
    await until('both died', () => died >= 2);
    await engine.close();
    expect(started.some(isAlive)).toBe(false);
  });
});
