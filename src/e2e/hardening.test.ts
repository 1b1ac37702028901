import { connect, type Socket } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createParticipant, type Participant } from '../../loadtest/participant/participant.ts';
import { freePort } from '../testing/free-port.ts';
import { waitFor } from '../testing/wait.ts';
import { type Conversation, converse } from './harness/conversation.ts';
import { startNode, type TestNode } from './harness/node.ts';
import { localPolicy } from './harness/policies.ts';

/** Abuse beside a call that goes on: each is answered or cut, nothing is kept, nobody else notices. */
let node: TestNode;
let call: Participant[] = [];

beforeAll(async () => {
  const port = await freePort();
  node = await startNode({
    port,
    policy: localPolicy('policy.yaml', { local: `ws://127.0.0.1:${port}` }),
    yaml: 'signaling: { maxConnectionsPerAddress: 2000, firstMessageSeconds: 1 }',
  });
  for (const name of ['Ann', 'Bob']) {
    const participant = createParticipant({
      token: await node.token({ room: 'call' }),
      frontDoors: [node.url],
      displayName: name,
      publish: ['microphone', 'camera'],
    });
    expect(await participant.join()).toEqual({ ok: true, value: 'joined' });
    call.push(participant);
  }
});
afterAll(async () => {
  await Promise.all(call.map((participant) => participant.leave()));
  call = [];
  await node?.close();
});

async function stamped(): Promise<number[]> {
  const all = await Promise.all(call.map((participant) => participant.stats()));
  return all.flatMap(({ received }) => received.map((stream) => stream.stamped));
}

/** All four streams of the call bring something new, and neither participant had to join again. */
async function callGoesOn(): Promise<void> {
  const before = await stamped();
  await waitFor('the call to go on', async () => {
    const now = await stamped();
    return now.length === 4 && now.every((count, index) => count > (before[index] ?? 0) + 10);
  });
  for (const { client } of call) expect(client.status).toBe('joined');
}

async function metric(name: string): Promise<number> {
  const text = await (await fetch(`${node.url}/metrics`)).text();
  return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
}

describe('beside a call', () => {
  it('1000 connections that say nothing are cut in time, and nothing of them is kept', async () => {
    const sockets: Socket[] = [];
    let closed = 0;
    for (let i = 0; i < 1000; i++) {
      const socket = connect(node.port, '127.0.0.1');
      socket.on('error', () => undefined);
      socket.on('close', () => closed++);
      socket.resume();
      sockets.push(socket);
    }
    await waitFor('all to be there', () => sockets.every(({ connecting }) => !connecting));
    await callGoesOn();
    await waitFor('all to be cut', () => closed === 1000, 30_000);
    await callGoesOn();
  }, 90_000);

  it('a defect of the node is told and counted, and everyone is judged again', async () => {
    const judged = async (): Promise<number> =>
      // Absent, and no number, before the first.
      (await metric(
        'watershed_decisions_total{step="switch",kind="admit",code="admitted",region="local"}',
      )) || 0;
    expect(await judged()).toBe(0);
    node.defect(new Error('left alone'));
    await waitFor('both to be judged again', async () => (await judged()) === 2);
    await callGoesOn();
    expect(await metric('watershed_defects_total{kind="rejection"}')).toBe(1);
    expect(await (await fetch(`${node.url}/readyz`)).json()).toMatchObject({
      ready: true,
      warnings: [{ check: 'defects', reason: '1 unexpected failures since the start: see the log' }],
    });
    expect(node.log()).toMatch(/"level":60,.*"message":"left alone","stack":"Error: left alone\\n/);
  });

  it('200 admitted sockets that never speak are closed with 4408', async () => {
    const token = await node.token({ room: 'silent' });
    const silent: Conversation[] = [];
    for (let i = 0; i < 200; i++) silent.push(await converse(node.url, token, 'program'));
    await waitFor('all to be closed', () => silent.every(({ closeCode }) => closeCode !== null));
    expect(new Set(silent.map(({ closeCode }) => closeCode))).toEqual(new Set([4408]));
    expect(await metric('watershed_connections')).toBe(2);
    expect(await metric('watershed_sessions')).toBe(2);
    await callGoesOn();
  }, 90_000);

  it.each([
    ['half a frame', '{"type":"request"', 4400],
    ['no frame of ours', '[]', 4400],
    ['a frame beyond the limit', JSON.stringify({ pad: 'x'.repeat(70_000) }), 1009],
  ])(
    '%s is answered with a close',
    async (_what, text, code) => {
      const token = await node.token({ room: 'broken' });
      const said = await converse(node.url, token, 'program');
      said.send(text);
      await waitFor('the close', () => said.closeCode !== null);
      expect(said.closeCode).toBe(code);
      await callGoesOn();
    },
    60_000,
  );
});
