import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { directoryAnswerSchema } from '../protocol/directory.ts';
import { RedisRegistry } from '../registry/redis/registry.ts';
import { type RedisServer, startRedisServer } from '../registry/testing/redis-server.ts';
import { waitFor } from '../testing/wait.ts';
import { startCloud, type TestCloud } from './harness/cloud.ts';
import { converse } from './harness/conversation.ts';
import { startNode, type TestNode } from './harness/node.ts';

// Several servers on a busy machine: every wait inside is bounded.
vi.setConfig({ testTimeout: 120_000 });

/** Whole nodes of two datacenters that share a real Redis, which fails in every way. */
let redis: RedisServer;
let cloud: TestCloud;
const registries: RedisRegistry[] = [];

async function connect(name: string): Promise<RedisRegistry> {
  const at = { kind: 'single', host: '127.0.0.1', port: redis.port } as const;
  const registry = new RedisRegistry({ cloud: name, at, tls: null, username: null, password: null });
  registries.push(registry);
  return registry;
}

beforeAll(async () => {
  redis = await startRedisServer();
  cloud = await startCloud({ datacenters: ['sjc', 'hkg'], registry: () => connect('commercial') });
});
afterAll(async () => {
  await cloud.close();
  for (const registry of registries) await registry.close();
  await redis.end();
});

async function list(
  at: TestNode,
): Promise<{ status: number; names: string[]; code?: string; retry?: boolean }> {
  const token = await cloud.token('summit', 'us');
  const answer = await fetch(`${at.url}/v1/directory`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
  const body: unknown = await answer.json();
  if (answer.status !== 200) return { status: answer.status, names: [], ...Object(body) };
  const { primaries, secondaries } = directoryAnswerSchema.parse(body);
  return { status: 200, names: [...primaries, ...secondaries].map(({ datacenter }) => datacenter) };
}

async function readiness(at: TestNode): Promise<{ ready: boolean; text: string }> {
  const answer = await fetch(`${at.url}/readyz`);
  return { ready: answer.status === 200, text: await answer.text() };
}

const everyone = () => [cloud.at('sjc'), cloud.at('hkg')];
const listed = (...names: string[]) =>
  waitFor(`a list of ${names} from every node`, async () => {
    const lists = await Promise.all(everyone().map(list));
    return lists.every(({ names: seen }) => seen.join() === names.join());
  });

it('every node names every other that may serve, and no other', async () => {
  await listed('sjc', 'hkg');
});

describe('with Redis gone', () => {
  it('who may be served here is; lists are refused for now; alive, and unready with the reason', async () => {
    await redis.stop();
    await waitFor('lists to be refused', async () => {
      const lists = await Promise.all(everyone().map(list));
      return lists.every(({ code }) => code === 'registry_unavailable');
    });
    expect(await list(cloud.at('sjc'))).toMatchObject({ status: 503, retry: true });
    const here = await converse(cloud.at('sjc').url, await cloud.token('summit', 'us'), 'program');
    expect(here.status).toBe(101);
    here.close();
    for (const node of everyone()) {
      const said = await waitFor('unreadiness', async () => {
        const { ready, text } = await readiness(node);
        return !ready && text;
      });
      expect(said).toContain('the registry cannot be reached');
      expect((await fetch(`${node.url}/healthz`)).status).toBe(200);
    }
  });

  it('it comes back without anything in it: every node says again who it is', async () => {
    await redis.start();
    for (const node of everyone()) {
      await waitFor('readiness', async () => (await readiness(node)).ready);
    }
    await listed('sjc', 'hkg');
  });

  it('emptied while all are connected, it is filled again', async () => {
    const admin = new Redis(redis.port, '127.0.0.1');
    await admin.flushall();
    await waitFor('the mark', async () => (await admin.get('ws:cloud')) === 'commercial');
    await listed('sjc', 'hkg');
    admin.disconnect();
  });
});

it('a node that is drained leaves the lists, and comes back', async () => {
  await cloud.stop('hkg');
  await waitFor('the list without it', async () => (await list(cloud.at('sjc'))).names.join() === 'sjc');
  await cloud.start('hkg');
  await listed('sjc', 'hkg');
});

it('a node of the government cloud does not use the commercial Redis, and says why', async () => {
  const government = await startNode({
    datacenter: 'local',
    registry: await connect('government'),
    yaml: 'cluster: { pipes: null }',
  });
  try {
    const { ready, text } = await readiness(government);
    expect(ready).toBe(false);
    expect(text.replaceAll('\\', '')).toContain('the Redis is marked for the cloud "commercial"');
  } finally {
    await government.close();
  }
  await listed('sjc', 'hkg');
});
