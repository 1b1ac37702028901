import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, test, vi } from 'vitest';
import { selfSigned } from '../../signaling/testing/self-signed.ts';
import { freePort } from '../../testing/free-port.ts';
import { waitFor } from '../../testing/wait.ts';
import type { NodeEntry } from '../port.ts';
import { type RedisServer, type RedisServerOptions, startRedisServer } from '../testing/redis-server.ts';
import type { RedisPlace } from './client.ts';
import { RedisRegistry } from './registry.ts';

// Several servers on a busy machine: every wait inside is bounded.
vi.setConfig({ testTimeout: 120_000 });

const ENTRY: NodeEntry = { id: 'a', datacenter: 'sjc', load: 0, body: 'sealed' };
const LEASE = 60_000;
const HOST = '127.0.0.1';
const OPEN: RedisPlace = {
  at: { kind: 'single', host: HOST, port: 0 },
  tls: null,
  username: null,
  password: null,
};

const cleaning: (() => unknown)[] = [];
afterEach(async () => {
  for (const clean of cleaning.splice(0).reverse()) await clean();
});

async function start(options: RedisServerOptions): Promise<RedisServer> {
  const server = await startRedisServer(options);
  cleaning.push(() => server.end());
  return server;
}

function connect(place: Partial<RedisPlace>): RedisRegistry {
  const registry = new RedisRegistry({ ...OPEN, ...place, cloud: 'commercial' });
  cleaning.push(() => registry.close());
  return registry;
}

/** Every kind of command once, on keys in many places. */
async function exercise(registry: RedisRegistry): Promise<void> {
  const sites = ['sjc', 'iad', 'fra', 'ams', 'hkg', 'sha', 'tsn'];
  const entries = sites.map((datacenter) => ({ ...ENTRY, datacenter }));
  for (const entry of entries) await registry.announce(entry, LEASE);
  expect(await registry.nodes(sites)).toEqual(entries);
  expect(await registry.find(entries)).toEqual(entries);
  await registry.withdraw({ id: 'a', datacenter: 'tsn' });
  expect(await registry.nodes(['tsn'])).toEqual([]);
  const host = { node: 'a', nodeEpoch: 1, datacenter: 'sjc', homes: [], evidence: [] };
  for (const room of ['r', 's', 't', 'u']) {
    const { claimed, record } = await registry.claimRoom(room, { host, regions: ['us'], epoch: 0 });
    expect({ claimed, record }).toEqual({
      claimed: true,
      record: { epoch: 1, hosts: [host], regions: ['us'] },
    });
    expect(await registry.room(room)).toEqual(record);
    await registry.restateRoom(room, {
      node: { id: 'a', datacenter: 'sjc' },
      host: null,
      regions: null,
      seenEpoch: 1,
    });
    expect((await registry.room(room)).epoch).toBe(0);
  }
  await registry.putBundle(Uint8Array.of(1, 2, 255));
  expect(Buffer.from((await registry.bundle()) ?? [])).toEqual(Buffer.from([1, 2, 255]));
}

const eventually = (registry: RedisRegistry) =>
  waitFor('the registry to be usable', () =>
    registry.announce(ENTRY, LEASE).then(
      () => true,
      () => false,
    ),
  );

describe('Redis Cluster', () => {
  test('keys spread over its servers, and each script finds its own in one place', async () => {
    const servers: RedisServer[] = [];
    for (let i = 0; i < 3; i++) {
      const busPort = String(await freePort());
      servers.push(await start({ settings: { 'cluster-enabled': 'yes', 'cluster-port': busPort } }));
    }
    const admins = servers.map(({ port }) => new Redis(port, HOST));
    cleaning.push(() => {
      for (const admin of admins) admin.disconnect();
    });
    const [first, ...others] = admins;
    const slots = [0, 5461, 10_923, 16_384];
    for (const [i, admin] of admins.entries()) {
      await admin.call('CLUSTER', 'ADDSLOTSRANGE', String(slots[i]), String((slots[i + 1] ?? 0) - 1));
    }
    for (const other of others) {
      const port = other.options.port ?? 0;
      const bus = String(await other.config('GET', 'cluster-port')).split(',')[1] ?? '';
      await first?.call('CLUSTER', 'MEET', HOST, String(port), bus);
    }
    await waitFor('the cluster to form', async () => {
      const infos = await Promise.all(admins.map((admin) => admin.call('CLUSTER', 'INFO')));
      return infos.every((info) => /cluster_state:ok[\s\S]*cluster_known_nodes:3/.test(String(info)));
    });
    // One of them is enough to find the rest.
    const registry = connect({
      at: { kind: 'cluster', nodes: [{ host: HOST, port: servers[1]?.port ?? 0 }] },
    });
    await eventually(registry);
    await exercise(registry);
    const sizes = await Promise.all(admins.map((admin) => admin.dbsize()));
    expect(sizes.filter((size) => size > 0).length).toBeGreaterThan(1);
  });
});

describe('Sentinel', () => {
  test('writes go to whoever is the first server now, also after a failover', async () => {
    const main = await start({});
    const replica = await start({
      settings: { replicaof: `${HOST} ${main.port}`, 'repl-diskless-sync-delay': '0' },
    });
    const sentinel = await start({
      args: (dir) => {
        const file = join(dir, 'sentinel.conf');
        writeFileSync(
          file,
          `sentinel monitor main ${HOST} ${main.port} 1
sentinel down-after-milliseconds main 500
sentinel failover-timeout main 2000
`,
        );
        return [file, '--sentinel'];
      },
    });
    const admin = new Redis(sentinel.port, HOST);
    cleaning.push(() => admin.disconnect());
    await waitFor(
      'the sentinel to know the replica',
      async () =>
        /slave0:.*state=online/.test(await replication(main.port)) &&
        String(await admin.call('SENTINEL', 'REPLICAS', 'main')).includes(String(replica.port)),
    );
    const registry = connect({
      at: {
        kind: 'sentinel',
        sentinels: [{ host: HOST, port: sentinel.port }],
        name: 'main',
        sentinelPassword: null,
      },
    });
    await eventually(registry);
    await exercise(registry);
    await main.kill();
    await eventually(registry);
    expect(await replication(replica.port)).toContain('role:master');
    await exercise(registry);
  });
});

describe('a Redis that is closed to strangers', () => {
  test('takes an ACL user who may do no more than the documented minimum', async () => {
    const server = await start({});
    const admin = new Redis(server.port, HOST);
    cleaning.push(() => admin.disconnect());
    const rules =
      'on >secret ~ws:cloud ~{ws:commercial* +@read +@write +@scripting +@connection +cluster -@dangerous +info';
    await admin.acl('SETUSER', 'watershed', ...rules.split(' '));
    await admin.acl('SETUSER', 'default', 'off');
    const at = { kind: 'single', host: HOST, port: server.port } as const;
    await exercise(connect({ at, username: 'watershed', password: 'secret' }));
    await expect(connect({ at, username: 'watershed', password: 'wrong' }).bundle()).rejects.toMatchObject({
      code: 'registry_unavailable',
    });
    // No other cloud's keys.
    const user = new Redis(server.port, HOST, { username: 'watershed', password: 'secret' });
    cleaning.push(() => user.disconnect());
    await expect(user.get('{ws:government}:bundle')).rejects.toThrow('NOPERM');
  });

  test('speaks TLS, with a certificate on both sides, and not to those who do not know its', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'redis-tls-'));
    cleaning.push(() => rmSync(dir, { recursive: true, force: true }));
    const [ours, stranger] = [selfSigned('redis'), selfSigned('redis')];
    const file = (name: string, text: string) => {
      writeFileSync(join(dir, name), text);
      return join(dir, name);
    };
    const server = await start({
      plain: false,
      settings: {
        'tls-cert-file': file('cert.pem', ours.cert),
        'tls-key-file': file('key.pem', ours.key),
        'tls-ca-cert-file': join(dir, 'cert.pem'),
        'tls-auth-clients': 'yes',
      },
    });
    const at = { kind: 'single', host: HOST, port: server.port } as const;
    await exercise(connect({ at, tls: { ca: ours.cert, cert: ours.cert, key: ours.key } }));
    for (const tls of [
      { ca: stranger.cert, cert: ours.cert, key: ours.key },
      { ca: ours.cert, cert: stranger.cert, key: stranger.key },
      { ca: ours.cert },
      null,
    ]) {
      await expect(connect({ at, tls }).bundle()).rejects.toMatchObject({ code: 'registry_unavailable' });
    }
  });
});

/** What a server says of its part in replication. */
async function replication(port: number): Promise<string> {
  const client = new Redis(port, HOST);
  try {
    return await client.info('replication');
  } finally {
    client.disconnect();
  }
}
