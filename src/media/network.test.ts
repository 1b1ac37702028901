import { createServer } from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { startEngine, TestGate, until } from './testing/fixture.ts';
import { TestPeer } from './testing/test-peer.ts';
import type { MediaEngine } from './types.ts';

let engine: MediaEngine | undefined;
afterEach(async () => {
  await engine?.close();
  engine = undefined;
});

test('both families, both protocols, one fixed port per worker, also after a death', async () => {
  const basePort = await freePorts();
  engine = await startEngine({
    workers: 2,
    basePort,
    enableTcp: true,
    listen: [{ ip: '127.0.0.1' }, { ip: '::1' }],
  });
  expect(engine.workers().map(({ port }) => port)).toEqual([basePort, basePort + 1]);
  const room = await engine.openRoom('room', { lastN: null, gate: new TestGate() });
  const peer = room.addPeer('ann');
  const { iceCandidates } = await peer.createTransport('send');
  const offered = iceCandidates.map(
    ({ protocol, address, port }) => `${protocol} ${address} ${port - basePort}`,
  );
  expect(offered.map((candidate) => candidate.slice(0, -2)).sort()).toEqual([
    'tcp 127.0.0.1',
    'tcp ::1',
    'udp 127.0.0.1',
    'udp ::1',
  ]);
  expect(new Set(iceCandidates.map(({ port }) => port)).size).toBe(1);
  // UDP is preferred.
  const best = [...iceCandidates].sort((a, b) => b.priority - a.priority)[0];
  expect(best?.protocol).toBe('udp');

  for (const { pid } of engine.workers()) process.kill(pid ?? 0, 'SIGKILL');
  await until('replaced', () => engine?.workers().every(({ restarts }) => restarts === 1) ?? false);
  expect(engine.workers().map(({ port }) => port)).toEqual([basePort, basePort + 1]);
});

test('an announced address is what clients are told, and the internal one is not', async () => {
  engine = await startEngine({ listen: [{ ip: '0.0.0.0', announced: '192.0.2.1' }] });
  const room = await engine.openRoom('room', { lastN: null, gate: new TestGate() });
  const { iceCandidates } = await room.addPeer('ann').createTransport('send');
  expect(iceCandidates.map(({ address }) => address)).toEqual(['192.0.2.1']);
});

test('a port that is taken fails the start, with nothing left running', async () => {
  const basePort = await freePorts();
  engine = await startEngine({ basePort });
  await expect(startEngine({ basePort })).rejects.toThrow(/address already in use/);
});

test('media over IPv6, and its address is judged', async () => {
  engine = await startEngine({ listen: [{ ip: '::1' }] });
  const gate = new TestGate();
  const room = await engine.openRoom('room', { lastN: null, gate });
  const ann = new TestPeer(room.addPeer('ann'), '::1');
  const bob = new TestPeer(room.addPeer('bob'), '::1');
  try {
    await bob.subscribe();
    await ann.publish([{ source: 'microphone' }]);
    await until('media', () => bob.count('ann', 'microphone') > 5);
    expect(gate.asked).toContain('address ann ::1');
    expect(gate.asked).toContain('address bob ::1');
  } finally {
    ann.close();
    bob.close();
  }
});

/** Two neighbouring ports that nobody has (at this moment). */
async function freePorts(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const port = 20_000 + Math.floor(Math.random() * 10_000) * 2;
    if ((await isFree(port)) && (await isFree(port + 1))) return port;
  }
  throw new Error('no free ports');
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => resolve(false));
    server.listen({ port, host: '127.0.0.1' }, () => server.close(() => resolve(true)));
  });
}
