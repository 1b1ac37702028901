import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import {
  createParticipant,
  type Participant,
  type ParticipantOptions,
} from '../../loadtest/participant/participant.ts';
import { METRICS_MS } from '../signaling/http-routes.ts';
import { freePort } from '../testing/free-port.ts';
import { waitFor } from '../testing/wait.ts';
import { joinMeeting, launchBrowser } from './harness/browser.ts';
import { startCuttableProxy } from './harness/cuttable-proxy.ts';
import { startNode, type TestNode, type TestNodeOptions } from './harness/node.ts';
import { localPolicy } from './harness/policies.ts';
import { workersOf } from './harness/processes.ts';

/** Real nodes, workers, ICE, DTLS and SRTP, with participants that count what they decrypt. */
const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function start(options: TestNodeOptions = {}): Promise<TestNode> {
  const port = options.port ?? (await freePort());
  const url = options.publicUrl ?? `ws://127.0.0.1:${port}`;
  const node = await startNode({ policy: localPolicy('policy.yaml', { local: url }), ...options, port });
  ends.push(() => node.close());
  return node;
}

async function join(
  node: TestNode,
  room: string,
  options: Partial<ParticipantOptions> = {},
): Promise<Participant> {
  const token = await node.token({ room });
  const participant = createParticipant({
    token,
    frontDoors: [node.url],
    publish: ['microphone', 'camera'],
    ...options,
  });
  ends.push(() => participant.leave());
  expect(await participant.join()).toEqual({ ok: true, value: 'joined' });
  return participant;
}

/** Stamped packets decrypted so far, by the peer and source that sent them. */
async function counts(participant: Participant): Promise<Map<string, number>> {
  const { received } = await participant.stats();
  return new Map(received.map(({ producerId, stamped }) => [producerId, stamped]));
}

async function hears(participant: Participant, streams: number): Promise<void> {
  await waitFor(`${streams} streams`, async () => {
    const all = [...(await counts(participant)).values()];
    return all.length === streams && all.every((stamped) => stamped > 20);
  });
}

/** Every stream that there is brings more than it had. */
async function goesOn(participant: Participant, streams: number): Promise<void> {
  const before = await counts(participant);
  await waitFor(`${streams} streams to go on`, async () => {
    const now = [...(await counts(participant))];
    return now.length === streams && now.every(([id, stamped]) => stamped > (before.get(id) ?? 0) + 5);
  });
}

/** Routers of each worker, by its index, as they are now: not as they were collected a moment ago. */
async function routersOf(node: TestNode): Promise<number[]> {
  await sleep(METRICS_MS);
  const text = await (await fetch(`${node.url}/metrics`)).text();
  return [...text.matchAll(/^watershed_worker_routers\{worker="\d+"\} (\d+)$/gm)].map((match) =>
    Number(match[1]),
  );
}

/** Two participants in a room of their own on this worker: rooms go where the least load is measured. */
async function pairOnWorker(node: TestNode, index: number): Promise<Participant[]> {
  for (let attempt = 0; attempt < 10; attempt++) {
    const room = `other-${attempt}`;
    const first = await join(node, room);
    if (((await routersOf(node))[index] ?? 0) > 0) return [first, await join(node, room)];
    await first.leave();
  }
  throw new Error(`no room was placed on worker ${index}`);
}

describe('a worker is killed in a call of four', () => {
  it('media is back for all four, and another room on another worker never noticed', async () => {
    const media = "media: { workers: 2, basePort: 0, listen: [{ ip: '127.0.0.1' }] }";
    const node = await start({ yaml: media });
    const four: Participant[] = [];
    for (let i = 0; i < 4; i++) four.push(await join(node, 'four'));
    const struck = (await routersOf(node)).findIndex((routers) => routers > 0);
    const other = await pairOnWorker(node, 1 - struck);
    for (const member of four) await hears(member, 6);
    for (const member of other) await hears(member, 2);
    const changes: string[] = [];
    for (const member of other) member.client.on('media', (_direction, state) => changes.push(state));
    const resets = new Set<number>();
    for (const [index, member] of four.entries()) member.client.on('media', () => resets.add(index));

    // Workers are started in order of their index.
    const pids = workersOf(process.pid).sort((a, b) => a - b);
    expect(pids).toHaveLength(2);
    const before = await Promise.all(four.map((member) => counts(member)));
    const began = performance.now();
    process.kill(pids[struck] ?? 0, 'SIGKILL');
    await waitFor('the four to notice', () => resets.size === 4);
    for (const [index, member] of four.entries()) {
      await waitFor('media on new producers', async () => {
        const now = [...(await counts(member))].filter(([id]) => before[index]?.has(id) === false);
        return now.length === 6 && now.every(([, stamped]) => stamped > 0);
      });
    }
    console.info(`media back for all four ${Math.round(performance.now() - began)} ms after SIGKILL`);
    for (const member of other) await goesOn(member, 2);
    expect(changes).toEqual([]);
    expect(workersOf(process.pid)).toHaveLength(2);
  }, 90_000);
});

/** The node's own ids of a participant's transports. */
async function transportsOf(participant: Participant): Promise<Set<unknown>> {
  const stats = await participant.client.getStats();
  if (!stats.ok) throw new Error(stats.problem.message);
  return new Set(stats.value.filter(({ of }) => of === 'transport').map(({ id }) => id));
}

describe('a socket is lost for 10 s', () => {
  it('the session is resumed on the same transports, and media never stopped', async () => {
    const port = await freePort();
    const proxy = await startCuttableProxy(port);
    ends.push(() => proxy.close());
    const node = await start({ port, publicUrl: `ws://127.0.0.1:${proxy.port}` });
    const frontDoors = [`http://127.0.0.1:${proxy.port}`];
    const ann = await join(node, 'cut', { frontDoors });
    const bob = await join(node, 'cut', { frontDoors });
    await hears(ann, 2);
    await hears(bob, 2);
    const made = [await transportsOf(ann), await transportsOf(bob)];
    expect(made.map((ids) => ids.size)).toEqual([2, 2]);
    const statuses: string[] = [];
    ann.client.on('status', (status) => statuses.push(status));
    proxy.cut();
    await waitFor('the loss', () => statuses.includes('resuming'));
    const during = await counts(bob);
    await new Promise((resolve) => setTimeout(resolve, 10_000));
    for (const [id, stamped] of await counts(bob))
      expect(stamped).toBeGreaterThan((during.get(id) ?? 0) + 100);
    proxy.mend();
    await waitFor('the resume', () => statuses.at(-1) === 'joined' && bob.client.status === 'joined');
    await goesOn(ann, 2);
    await goesOn(bob, 2);
    expect(statuses).not.toContain('rejoining');
    expect([await transportsOf(ann), await transportsOf(bob)]).toEqual(made);
  }, 90_000);
});

describe('a synthetic participant and a browser', () => {
  it('see and hear each other', async () => {
    const node = await start({ withPage: true });
    const browser = await launchBrowser();
    ends.push(() => browser.close());
    const window = await joinMeeting(browser, node.url, { room: 'mixed', name: 'Ann', codec: 'vp8' });
    const robot = await join(node, 'mixed', { displayName: 'Robot' });
    await waitFor(
      'decoded frames and sound of the participant',
      async () => {
        const { videoFrames, audioSamples, consumed } = await window.received();
        return consumed >= 2 && videoFrames > 10 && audioSamples > 10_000;
      },
      30_000,
      250,
    );
    await waitFor('packets of the browser', async () => {
      const { received } = await robot.stats();
      return received.length === 2 && received.every(({ packets }) => packets > 50);
    });
  }, 90_000);
});
