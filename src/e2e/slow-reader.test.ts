import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { createParticipant, type Participant } from '../../loadtest/participant/participant.ts';
import { freePort } from '../testing/free-port.ts';
import { waitFor } from '../testing/wait.ts';
import { type Conversation, converse } from './harness/conversation.ts';
import { startNode, type TestNode } from './harness/node.ts';
import { localPolicy } from './harness/policies.ts';

/** Members of a call with real media who stop to read while others talk a great deal. */
const READERS = 8;
const BUFFER = 256 * 1024;
/** More than the kernel holds for a socket that is not read: by then each must have been cut off. */
const MESSAGES = 4000;
const TEXT = 'x'.repeat(2000);

let node: TestNode;
const call: Participant[] = [];
const readers: Conversation[] = [];

beforeAll(async () => {
  const port = await freePort();
  node = await startNode({
    port,
    policy: localPolicy('policy.yaml', { local: `ws://127.0.0.1:${port}` }),
    yaml: `
signaling: { maxBufferedBytes: ${BUFFER}, messagesPerSecond: 1000, messageBurst: 10000 }
rooms: { chatPerPeer: { perSecond: 10000, burst: 10000 }, chatPerRoom: { perSecond: 10000, burst: 10000 } }`,
  });
});
afterAll(async () => {
  for (const reader of readers) reader.close();
  await Promise.all(call.map((participant) => participant.leave()));
  await node?.close();
});

async function join(displayName: string): Promise<Participant> {
  const token = await node.token({ room: 'call' });
  const publish = ['microphone', 'camera'] as const;
  const participant = createParticipant({ token, frontDoors: [node.url], displayName, publish });
  call.push(participant);
  expect(await participant.join()).toEqual({ ok: true, value: 'joined' });
  return participant;
}

async function stamped(): Promise<number[]> {
  const all = await Promise.all(call.map((participant) => participant.stats()));
  return all.flatMap(({ received }) => received.map((stream) => stream.stamped));
}

async function callGoesOn(): Promise<void> {
  const before = await stamped();
  await waitFor('the call to go on', async () => {
    const now = await stamped();
    return now.length === 4 && now.every((count, index) => count > (before[index] ?? 0) + 10);
  });
}

setFlagsFromString('--expose_gc');
const collect = runInNewContext('gc') as () => void;

/** Bytes that this process, which is the node too, cannot let go of. */
function held(): number {
  collect();
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

it('slow readers are cut off, what waits for them is bounded, and the call goes on', async () => {
  const ann = await join('Ann');
  await join('Bob');
  const token = await node.token({ room: 'call' });
  const request = { type: 'request', id: 1, method: 'join', data: { rtpCapabilities: { codecs: [] } } };
  for (let n = 0; n < READERS; n++)
    readers.push(await converse(node.url, token, 'program', { requests: [request] }));
  await waitFor('all to be in', () =>
    readers.every(({ frames }) => frames.some((frame) => frame.includes('joined'))),
  );
  await callGoesOn();
  for (const reader of readers) reader.pause();

  const before = held();
  let most = 0;
  let sent = 0;
  const cut = async () =>
    Number(
      /^watershed_connections_ended_total\{reason="slow_reader"\} (\d+)$/m.exec(
        await (await fetch(`${node.url}/metrics`)).text(),
      )?.[1] ?? 0,
    );
  while (sent < MESSAGES && (await cut()) < READERS) {
    const answers = await Promise.all(Array.from({ length: 50 }, () => ann.client.sendChat(TEXT)));
    expect(answers.every(({ ok }) => ok)).toBe(true);
    sent += answers.length;
    most = Math.max(most, held() - before);
  }
  expect(await cut()).toBe(READERS);
  // What may wait, what is kept for a resume, and room for everything else that a running call holds.
  expect(most).toBeLessThan(READERS * (BUFFER + 256 * 1024) + 16 * 1024 * 1024);
  for (const { client } of call) expect(client.status).toBe('joined');
  await callGoesOn();
}, 90_000);
