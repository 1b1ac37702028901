import { isDeepStrictEqual } from 'node:util';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createParticipant } from '../../loadtest/participant/participant.ts';
import { type RedisServer, startRedisServer } from '../registry/testing/redis-server.ts';
import { waitFor } from '../testing/wait.ts';
import { type Conversation, converse } from './harness/conversation.ts';
import {
  ClusterHome,
  directoryOf,
  httpOf,
  isAlive,
  type UpCluster,
  type UpNode,
} from './harness/local-cluster.ts';

/**
 * What fails, in a cluster of real processes: Redis, then nodes, until nothing is left that may serve `us`. The
 * tests build on each other: each takes away something more.
 */
const JOIN = {
  type: 'request',
  id: 1,
  method: 'join',
  data: { displayName: 'Ann', rtpCapabilities: { codecs: [], headerExtensions: [] } },
};
/** Longer than any lease. */
const LEASE_MS = 10_000;

let home: ClusterHome;
let cluster: UpCluster;
let us: string[];
/** What takes the place of the cluster's own Redis, for the rest of the file. */
let redisBack: RedisServer | undefined;

beforeAll(async () => {
  home = new ClusterHome();
  cluster = await home.up([], 300_000);
  us = [];
  for (let n = 0; n < 4; n++) us.push(await cluster.token({ room: `room-${n}`, region: 'us' }));
}, 150_000);
afterAll(async () => {
  cluster?.running.child.kill('SIGTERM');
  await cluster?.running.ended;
  await redisBack?.end();
  home.remove();
});

function names(entries: readonly { datacenter: string }[]): string[] {
  return entries.map(({ datacenter }) => datacenter);
}

/** What one node tells a `us` participant: primaries and secondaries, or a status. */
async function told(node: UpNode, token: string) {
  const answer = await directoryOf(node, token);
  return typeof answer === 'number' ? answer : [names(answer.primaries), names(answer.secondaries).sort()];
}

async function session(node: UpNode, token: string): Promise<Conversation> {
  const call = await converse(node.url, token, 'program', { requests: [JOIN] });
  await waitFor('the join', () => call.frames.some((frame) => frame.includes('"response"')));
  return call;
}

let nextId = 100;
/** The session answers. */
async function goesOn(call: Conversation): Promise<void> {
  const id = nextId++;
  call.send(JSON.stringify({ type: 'request', id, method: 'ping', data: {} }));
  await waitFor('an answer', () => call.frames.some((frame) => frame.includes(`"id":${id},`)));
  expect(call.closeCode).toBe(null);
}

async function readiness(node: UpNode): Promise<string> {
  const answer = await fetch(`${httpOf(node)}/readyz`);
  return answer.status === 200 ? 'ready' : answer.text();
}

async function allReady(): Promise<void> {
  await waitFor('every node to be ready', async () => {
    const all = await Promise.all(cluster.nodes.map(readiness));
    return all.every((text) => text === 'ready');
  });
}

describe('Redis', () => {
  it('stopped and back, empty: no node restarts, no session is lost, lists are refused meanwhile', async () => {
    const fra = cluster.node('fra');
    const call = await session(fra, us[0] ?? '');
    const redis = new Redis(cluster.redis);
    redis.on('error', () => undefined);
    // The connection ends with the server, and no answer comes.
    redis.shutdown('NOSAVE').catch(() => undefined);
    await waitFor(
      'every node to say so',
      async () => {
        const all = await Promise.all(cluster.nodes.map(readiness));
        return all.every((text) => text.includes('registry'));
      },
      LEASE_MS * 3,
    );
    redis.disconnect();
    for (const node of cluster.nodes) expect((await fetch(`${httpOf(node)}/healthz`)).status).toBe(200);
    expect(await told(fra, us[0] ?? '')).toBe(503);
    await goesOn(call);
    // Whoever comes to the room that is held here is let in: no list is needed for it.
    const late = await session(fra, await cluster.token({ room: 'room-0', region: 'us' }));
    redisBack = await startRedisServer({ port: Number(new URL(cluster.redis).port) });
    await allReady();
    await goesOn(call);
    await goesOn(late);
    expect(await told(fra, us[0] ?? '')).toMatchObject([['sjc', 'iad'], expect.anything()]);
    expect(cluster.nodes.every(({ pid }) => isAlive(pid))).toBe(true);
    late.send(JSON.stringify({ type: 'request', id: 2, method: 'leave', data: {} }));
    call.send(JSON.stringify({ type: 'request', id: 2, method: 'leave', data: {} }));
  }, 120_000);

  it('emptied: the nodes write their records again', async () => {
    const call = await session(cluster.node('ams'), us[1] ?? '');
    const redis = new Redis(cluster.redis);
    await redis.flushall();
    redis.disconnect();
    await waitFor('the directory', async () => {
      const answer = await told(cluster.node('hkg'), us[1] ?? '');
      return Array.isArray(answer) && String(answer[0]) === 'sjc,iad' && answer[1]?.length === 2;
    });
    await allReady();
    await goesOn(call);
    call.send(JSON.stringify({ type: 'request', id: 2, method: 'leave', data: {} }));
  });
});

describe('nodes', () => {
  it('with all primaries of us killed, exactly two secondaries are listed, the same two by every node', async () => {
    for (const name of ['sjc', 'iad']) process.kill(cluster.node(name).pid, 'SIGKILL');
    const alive = ['fra', 'ams', 'hkg', 'sha', 'tsn'].map((name) => cluster.node(name));
    await waitFor('their leases to end', async () => {
      const answer = await told(cluster.node('fra'), us[0] ?? '');
      return Array.isArray(answer) && answer[0]?.length === 0;
    });
    for (const token of us) {
      // A node that was late to say that it lives, on a busy machine, is listed again with its next word.
      const secondaries = await waitFor('the same two of every node', async () => {
        const answers = await Promise.all(alive.map((node) => told(node, token)));
        const [first] = answers;
        if (!Array.isArray(first) || first[1]?.length !== 2) return false;
        return answers.every((answer) => isDeepStrictEqual(answer, first)) && first[1];
      });
      for (const name of secondaries) expect(['fra', 'ams', 'hkg']).toContain(name);
      for (const name of ['sha', 'tsn']) {
        const said = await converse(cluster.node(name).url, token, 'program');
        expect({ status: said.status, body: said.body }).toMatchObject({
          status: 403,
          body: expect.stringContaining('region_not_admitted'),
        });
      }
    }
  });

  it('one that gets SIGTERM leaves the directory, sees its calls seated elsewhere, and ends with 0', async () => {
    const ams = cluster.node('ams');
    const eve = createParticipant({
      token: await cluster.token({ room: 'drained', region: 'eu' }),
      frontDoors: [ams.url],
    });
    expect(await eve.join()).toEqual({ ok: true, value: 'joined' });
    expect(eve.client.seat?.datacenter).toBe('fra');
    const moves: string[] = [];
    eve.client.on('moved', ({ to, why }) => moves.push(`${to.datacenter} ${why.code}`));
    eve.client.on('status', (status) => moves.push(status));
    const fra = cluster.node('fra');
    process.kill(fra.pid, 'SIGTERM');
    await waitFor('its end', () => !isAlive(fra.pid), 30_000);
    // The node may be gone before the client's own process has had its turn to say so.
    await waitFor('the move', () => moves.length > 0);
    expect(moves).toEqual(['ams draining']);
    await eve.leave();
    expect(await told(ams, us[2] ?? '')).toEqual([[], ['ams', 'hkg']]);
    await waitFor('the word of it', () => /fra-1 ended \(.*\b0\b/.test(cluster.running.stderr()));
  });

  it('with everything down that may serve us, nobody is let in at sha or tsn', async () => {
    for (const name of ['ams', 'hkg']) process.kill(cluster.node(name).pid, 'SIGKILL');
    const [sha, tsn] = [cluster.node('sha'), cluster.node('tsn')];
    const token = us[3] ?? '';
    await waitFor('their leases to end', async () => (await told(sha, token)) === 503);
    for (const node of [sha, tsn]) {
      const said = await converse(node.url, token, 'program');
      expect({ status: said.status, body: said.body }).toMatchObject({
        status: 503,
        body: expect.stringContaining('no_datacenter_up'),
      });
      const cn = await converse(node.url, await cluster.token({ room: 'local', region: 'cn' }), 'program');
      expect(cn.status).toBe(101);
      cn.close();
    }
  });
});
