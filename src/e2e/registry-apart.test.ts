import { writeFileSync } from 'node:fs';
import { join as pathOf } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, describe, expect, it } from 'vitest';
import { createParticipant, type Participant } from '../../loadtest/participant/participant.ts';
import { roomKey } from '../cluster/federation/messages.ts';
import { RouterWatch } from '../media/testing/router-watch.ts';
import { directoryAnswerSchema } from '../protocol/directory.ts';
import type { RedisPlace } from '../registry/redis/client.ts';
import { RedisRegistry } from '../registry/redis/registry.ts';
import { type RedisServerOptions, startRedisServer } from '../registry/testing/redis-server.ts';
import { waitFor } from '../testing/wait.ts';
import { startCloud, type TestCloud } from './harness/cloud.ts';
import { startCuttableProxy } from './harness/cuttable-proxy.ts';
import { expectOutside, seesMedia } from './harness/fence.ts';
import { GapWatch, heard, hears, seatOf } from './harness/hearing.ts';

/**
 * Nodes that do not agree on what Redis says: one datacenter has lost it, or it has gone back to what it was. A room
 * may be held twice then, never across a fence, and it heals without anyone acting. Whole nodes, media and a real
 * Redis; what came to sha is asked of its routers.
 */
const CLOUD = 'commercial';
const [ANN, CHEN, WEI, LEI] = ['127.0.1.1', '127.0.2.1', '127.0.2.2', '127.0.2.3'];
/** Beyond the end of a lease. */
const LEASE_ENDED_MS = 20_000;
const MOVED_MS = 30_000;

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function redis(options: RedisServerOptions = {}) {
  const server = await startRedisServer(options);
  ends.push(() => server.end());
  return server;
}

function registryAt(at: RedisPlace['at']): RedisRegistry {
  const registry = new RedisRegistry({ cloud: CLOUD, at, tls: null, username: null, password: null });
  ends.push(() => registry.close());
  return registry;
}

function adminOf(port: number): Redis {
  const admin = new Redis(port, '127.0.0.1');
  admin.on('error', () => undefined);
  ends.push(() => admin.disconnect());
  return admin;
}

async function cloudWith(at: (datacenter: string) => RedisPlace['at']) {
  const watch = new RouterWatch();
  ends.push(() => watch.close());
  const cloud = await startCloud({
    datacenters: ['sjc', 'hkg', 'sha'],
    registry: async (datacenter) => registryAt(at(datacenter)),
    onStart: (datacenter) => watch.stands(datacenter),
  });
  ends.push(() => cloud.close());
  return { cloud, watch };
}

interface Coming {
  readonly region: string;
  readonly at: string;
  readonly address: string;
  /** Straight to the node, which may have no list to give. */
  readonly direct?: boolean;
}

async function join(cloud: TestCloud, { region, at, address, direct = false }: Coming): Promise<Participant> {
  const { url } = cloud.at(at);
  const participant = createParticipant({
    token: await cloud.token('summit', region),
    ...(direct ? { url: url.replace('http', 'ws') } : { frontDoors: [url] }),
    publish: ['microphone'],
    bindAddress: address,
  });
  ends.push(() => participant.leave());
  expect(await participant.join()).toEqual({ ok: true, value: 'joined' });
  return participant;
}

async function everyoneHears(...people: Participant[]): Promise<void> {
  for (const listener of people) {
    for (const speaker of people) if (speaker !== listener) await hears(listener, speaker);
  }
}

/** What people of `cn` are told by a node. */
async function namesFor(cloud: TestCloud, at: string): Promise<string[]> {
  const answer = await fetch(`${cloud.at(at).url}/v1/directory`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await cloud.token('another', 'cn')}` },
  });
  if (answer.status !== 200) return [];
  const { primaries, secondaries } = directoryAnswerSchema.parse(await answer.json());
  return [...primaries, ...secondaries].map(({ datacenter }) => datacenter);
}

describe('a datacenter that lost Redis, and not its people or the other nodes', () => {
  it('serves on; the room is held twice, never across the fence, and is one again when Redis is back', async () => {
    const server = await redis();
    const line = await startCuttableProxy(server.port);
    ends.push(() => line.close());
    const { cloud, watch } = await cloudWith((datacenter) => ({
      kind: 'single',
      host: '127.0.0.1',
      port: datacenter === 'sha' ? line.port : server.port,
    }));
    const chen = await join(cloud, { region: 'cn', at: 'sha', address: CHEN });
    const wei = await join(cloud, { region: 'cn', at: 'sha', address: WEI });
    await everyoneHears(chen, wei);
    const gaps = [new GapWatch(chen, [wei]), new GapWatch(wei, [chen])];

    line.cut();
    await waitFor(
      'its lease to end',
      async () => !(await namesFor(cloud, 'sjc')).includes('sha'),
      LEASE_ENDED_MS,
    );
    const { url } = cloud.at('sha');
    expect(await (await fetch(`${url}/readyz`)).text()).toContain('the registry cannot be reached');
    expect((await fetch(`${url}/healthz`)).status).toBe(200);
    const lei = await join(cloud, { region: 'cn', at: 'sha', address: LEI, direct: true });
    await everyoneHears(chen, wei, lei);
    // Nothing that is alive has the room, as far as the others can know.
    const ann = await join(cloud, { region: 'us', at: 'sjc', address: ANN });
    expect([ann, chen, wei, lei].map(seatOf)).toEqual(['sjc', 'sha', 'sha', 'sha']);
    await seesMedia(watch, () => watch.producersOf(ANN));
    expect((await heard(ann)).size).toBe(0);
    await expectOutside(watch, 'sha', [ANN], [CHEN, WEI, LEI]);

    line.mend();
    const moved = () => [chen, wei, lei].every((one) => ['hkg', 'sjc'].includes(seatOf(one) ?? ''));
    await waitFor('them to move', moved, MOVED_MS);
    await everyoneHears(ann, chen, wei, lei);
    for (const gap of gaps) expect(await gap.longest()).toBeLessThan(2000);
    await expectOutside(watch, 'sha', [ANN], [CHEN, WEI, LEI]);
    await waitFor('sha to be listed', async () => (await namesFor(cloud, 'sjc')).includes('sha'));
  }, 120_000);
});

describe('a Redis that fails over to a replica which missed the last writes', () => {
  it('has the room on sha, where it is no longer: who talks goes on, and who comes there is led to the others', async () => {
    const main = await redis();
    const mainAdmin = adminOf(main.port);
    // Its own user, so that replication can be cut off and nothing else.
    await mainAdmin.acl('SETUSER', 'copier', 'on', '>secret', '+psync', '+replconf', '+ping');
    const replica = await redis({
      settings: {
        replicaof: `127.0.0.1 ${main.port}`,
        masteruser: 'copier',
        masterauth: 'secret',
        'repl-diskless-sync-delay': '0',
      },
    });
    const sentinel = await redis({
      args: (dir) => {
        const file = pathOf(dir, 'sentinel.conf');
        // A replica that lost its main for ten times as long is not taken.
        const lines = [
          `monitor main 127.0.0.1 ${main.port} 1`,
          'down-after-milliseconds main 2000',
          'failover-timeout main 5000',
        ];
        writeFileSync(file, lines.map((line) => `sentinel ${line}\n`).join(''));
        return [file, '--sentinel'];
      },
    });
    const [replicaAdmin, sentinelAdmin] = [adminOf(replica.port), adminOf(sentinel.port)];
    const follows = async () => /slave0:.*state=online/.test(await mainAdmin.info('replication'));
    await waitFor('the replica to be known', async () => {
      const known = String(await sentinelAdmin.call('SENTINEL', 'REPLICAS', 'main'));
      return (await follows()) && known.includes(String(replica.port));
    });
    const { cloud, watch } = await cloudWith(() => ({
      kind: 'sentinel',
      sentinels: [{ host: '127.0.0.1', port: sentinel.port }],
      name: 'main',
      sentinelPassword: null,
    }));
    const key = roomKey(CLOUD, 'summit');
    const [atMain, atReplica] = [main, replica].map(({ port }) =>
      registryAt({ kind: 'single', host: '127.0.0.1', port }),
    );
    if (atMain === undefined || atReplica === undefined) throw new Error('no readers');
    const chen = await join(cloud, { region: 'cn', at: 'sha', address: CHEN });
    await waitFor('the replica to have it', async () => (await atReplica.room(key)).hosts.length === 1);

    await mainAdmin.acl('SETUSER', 'copier', 'off');
    await mainAdmin.call('CLIENT', 'KILL', 'TYPE', 'replica');
    await waitFor('it to miss writes', async () => !(await follows()));
    const ann = await join(cloud, { region: 'us', at: 'sjc', address: ANN });
    await waitFor('the move', () => seatOf(chen) !== 'sha', MOVED_MS);
    await everyoneHears(ann, chen);
    const { epoch: seen } = await atMain.room(key);
    const stale = await atReplica.room(key);
    expect(stale.epoch).toBeLessThan(seen);
    expect(stale.hosts.map(({ datacenter }) => datacenter)).toEqual(['sha']);

    const gaps = [new GapWatch(chen, [ann]), new GapWatch(ann, [chen])];
    await main.kill();
    await waitFor(
      'the failover',
      async () => (await replicaAdmin.info('replication')).includes('role:master'),
      30_000,
    );
    // The stale record names sha: that is where he goes, by himself.
    const wei = await waitFor('a join', async () => {
      const comer = createParticipant({
        token: await cloud.token('summit', 'cn'),
        frontDoors: [cloud.at('sha').url],
        publish: ['microphone'],
        bindAddress: WEI,
      });
      ends.push(() => comer.leave());
      return (await comer.join()).ok ? comer : undefined;
    });
    await waitFor('all to be out of sha', () => [chen, wei].every((one) => seatOf(one) !== 'sha'), MOVED_MS);
    await everyoneHears(ann, chen, wei);
    for (const gap of gaps) expect(await gap.longest()).toBeLessThan(2000);
    await expectOutside(watch, 'sha', [ANN], [CHEN, WEI]);
    const healed = await waitFor('the record to be right', async () => {
      const record = await atReplica.room(key);
      const places = new Set(record.hosts.map(({ datacenter }) => datacenter));
      const seats = new Set([ann, chen, wei].map((one) => seatOf(one) ?? 'nowhere'));
      return places.size === seats.size && [...seats].every((seat) => places.has(seat)) && record;
    });
    // Each node writes above what it has seen itself, which of the main's last write need be nobody.
    expect(healed.epoch).toBeGreaterThan(stale.epoch);
  }, 120_000);
});
