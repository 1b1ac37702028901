import { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { waitFor } from '../../testing/wait.ts';
import { ROOM_MS, registryContract } from '../contract.ts';
import { MAX_BUNDLE_BYTES, type NodeEntry } from '../port.ts';
import { type RedisServer, startRedisServer } from '../testing/redis-server.ts';
import { MAX_BODY_BYTES, MAX_ROOM_BYTES, MAX_ROOM_FIELD_BYTES, MAX_ROOM_HOSTS } from './bounds.ts';
import type { RedisPlace } from './client.ts';
import { RedisRegistry, type RedisRegistryOptions } from './registry.ts';

const ENTRY: NodeEntry = { id: 'a', datacenter: 'sjc', load: 0, body: 'sealed' };
const LEASE = 60_000;

let server: RedisServer;
let admin: Redis;
const open = new Set<RedisRegistry>();
beforeAll(async () => {
  server = await startRedisServer();
  admin = new Redis(server.port, '127.0.0.1');
});
afterAll(async () => {
  admin.disconnect();
  await server.end();
});
beforeEach(() => admin.flushall());
afterEach(async () => {
  for (const registry of open) await registry.close();
  open.clear();
});

function placeOf({ port }: { port: number }): RedisPlace {
  return { at: { kind: 'single', host: '127.0.0.1', port }, tls: null, username: null, password: null };
}

function connect(over: Partial<RedisRegistryOptions> = {}): RedisRegistry {
  const registry = new RedisRegistry({ ...placeOf(server), cloud: 'commercial', ...over });
  open.add(registry);
  return registry;
}

const pause = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

registryContract('redis', async () => ({
  open: async () => connect({ roomMs: ROOM_MS }),
  advance: pause,
  end: () => admin.flushall().then(() => undefined),
}));

test('tells when what was written may be lost: it was emptied, or reached anew', async () => {
  const registry = connect();
  await registry.announce(ENTRY, LEASE);
  let forgot = 0;
  registry.onForgot(() => forgot++);
  await registry.announce(ENTRY, LEASE);
  expect(forgot).toBe(0);
  await admin.flushall();
  await registry.announce(ENTRY, LEASE);
  expect(forgot).toBe(1);
  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await waitFor('the way back', () => forgot === 2);
});

describe('clouds apart', () => {
  test('a Redis is marked for the first cloud that uses it, and refused by every other, with the reason', async () => {
    await connect().announce(ENTRY, LEASE);
    expect(await admin.get('ws:cloud')).toBe('commercial');
    const before = await admin.keys('*');
    const other = connect({ cloud: 'government' });
    for (const call of [
      () => other.announce(ENTRY, LEASE),
      () => other.nodes(['sjc']),
      () => other.bundle(),
      () => other.restateRoom('r', { node: ENTRY, host: null, regions: null, seenEpoch: 0 }),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: 'registry_unavailable',
        detail: 'the Redis is marked for the cloud "commercial", and this node is of government',
      });
    }
    expect((await admin.keys('*')).sort()).toEqual(before.sort());
  });

  test('one that becomes another cloud’s under a connection is left at the next heartbeat', async () => {
    const registry = connect();
    await registry.announce(ENTRY, LEASE);
    await admin.set('ws:cloud', 'government');
    await expect(registry.announce(ENTRY, LEASE)).rejects.toMatchObject({ code: 'registry_unavailable' });
    await expect(registry.nodes(['sjc'])).rejects.toMatchObject({ code: 'registry_unavailable' });
    await admin.set('ws:cloud', 'commercial');
    await registry.announce(ENTRY, LEASE);
    expect(await registry.nodes(['sjc'])).toEqual([ENTRY]);
  });

  test('keys carry the cloud, and what one script touches has one hash tag', async () => {
    const registry = connect();
    await registry.announce(ENTRY, LEASE);
    await registry.restateRoom('r', {
      node: ENTRY,
      host: { node: 'a', nodeEpoch: 1, datacenter: 'sjc', homes: [], evidence: [] },
      regions: null,
      seenEpoch: 0,
    });
    await registry.putBundle(Uint8Array.of(1));
    expect((await admin.keys('*')).sort()).toEqual([
      'ws:cloud',
      '{ws:commercial:dc:sjc}:node:a',
      '{ws:commercial:dc:sjc}:nodes',
      '{ws:commercial:room:r}',
      '{ws:commercial}:bundle',
    ]);
    for (const key of await admin.keys('{ws:commercial:*')) expect(await admin.pttl(key)).toBeGreaterThan(0);
  });
});

describe('trouble', () => {
  test('a Redis that was emptied, scripts and all, is used again at once', async () => {
    const registry = connect();
    await registry.announce(ENTRY, LEASE);
    await admin.flushall();
    await admin.script('FLUSH');
    expect(await registry.nodes(['sjc'])).toEqual([]);
    await registry.announce(ENTRY, LEASE);
    expect(await registry.nodes(['sjc'])).toEqual([ENTRY]);
    expect(await admin.get('ws:cloud')).toBe('commercial');
  });

  test('rubbish in the place of records fails a question, or is left out, and never more', async () => {
    const registry = connect();
    await registry.announce(ENTRY, LEASE);
    await admin.set('{ws:commercial:dc:sjc}:node:b', 'rubbish');
    await admin.zadd('{ws:commercial:dc:sjc}:nodes', 0, 'b');
    expect((await registry.nodes(['sjc'])).map(({ id }) => id)).toEqual(['a', 'b']);
    await admin.hset('{ws:commercial:room:r}', {
      epoch: 'rubbish',
      regions: 'us,,eu',
      'n:a': 'rubbish',
      'n:b': '{"node":"c"}',
      other: 'x',
    });
    expect(await registry.room('r')).toEqual({ epoch: 0, hosts: [], regions: ['us', 'eu'] });
    const host = { node: 'a', nodeEpoch: 1, datacenter: 'sjc', homes: [], evidence: [] };
    const { claimed, record } = await registry.claimRoom('r', { host, regions: null, epoch: 0 });
    expect({ claimed, record }).toEqual({
      claimed: true,
      record: { epoch: 1, hosts: [host], regions: ['us', 'eu'] },
    });
    await admin.set('{ws:commercial:room:s}', 'a string');
    expect(await registry.room('s')).toEqual({ epoch: 0, hosts: [], regions: null });
    await admin.del('ws:cloud');
    await admin.lpush('ws:cloud', 'commercial');
    await expect(registry.announce(ENTRY, LEASE)).rejects.toMatchObject({ code: 'registry_unavailable' });
  });

  test('what is larger than anything of ours leaves a room at once: what is too large of it, else all of it', async () => {
    let spoilt = 0;
    const registry = connect({ onSpoilt: () => spoilt++ });
    const host = { node: 'a', nodeEpoch: 1, datacenter: 'sjc', homes: [], evidence: [] };
    const other = { ...host, node: 'b' };
    const node = { id: 'a', datacenter: 'sjc' };
    const many = Array.from({ length: MAX_ROOM_HOSTS + 3 }, (_, n): [string, string] => [`n:sjc/${n}`, 'x']);
    const ways: [what: string, spoil: (key: string) => Promise<unknown>, isKept: boolean][] = [
      ['part', (key) => admin.hset(key, 'n:sjc/x', 'x'.repeat(MAX_ROOM_FIELD_BYTES)), true],
      ['field', (key) => admin.hset(key, 'x'.repeat(MAX_ROOM_FIELD_BYTES), 'x'), true],
      ['record', (key) => admin.hset(key, fields(MAX_ROOM_BYTES / 32_000 + 1, 32_000)), false],
      ['hosts', (key) => admin.hset(key, new Map(many)), false],
      ['string', (key) => admin.set(key, 'x'.repeat(MAX_ROOM_BYTES)), false],
    ];
    for (const [what, spoil, isKept] of ways) {
      const ask = [
        (room: string) => registry.room(room),
        async (room: string) => {
          const epoch = isKept ? 1 : 0;
          const { claimed, record } = await registry.claimRoom(room, { host, regions: null, epoch });
          expect(claimed).toBe(true);
          return record;
        },
        (room: string) => registry.restateRoom(room, { node, host, regions: null, seenEpoch: 7 }),
      ];
      for (const [n, asked] of ask.entries()) {
        const room = `${what}-${n}`;
        await registry.claimRoom(room, { host: other, regions: null, epoch: 0 });
        await spoil(`{ws:commercial:room:${room}}`);
        spoilt = 0;
        const { hosts } = await asked(room);
        expect(hosts).toEqual([...(n > 0 ? [host] : []), ...(isKept ? [other] : [])]);
        expect(spoilt).toBe(1);
        expect((await registry.room(room)).hosts).toEqual(hosts);
        expect(spoilt).toBe(1);
      }
    }
  });

  test('what is larger than anything of ours is not read: it fails a question, or is left out', async () => {
    const registry = connect();
    const tooLarge = {
      code: 'registry_unavailable',
      detail: 'what stands in the Redis there is larger than anything of ours',
    };
    await admin.set('{ws:commercial}:bundle', Buffer.alloc(MAX_BUNDLE_BYTES + 1));
    await expect(registry.bundle()).rejects.toMatchObject(tooLarge);
    await admin.set('{ws:commercial}:bundle', Buffer.alloc(MAX_BUNDLE_BYTES, 0xff));
    expect((await registry.bundle())?.length).toBe(MAX_BUNDLE_BYTES);

    await registry.announce(ENTRY, LEASE);
    await admin.set('{ws:commercial:dc:sjc}:node:b', `0 ${'x'.repeat(MAX_BODY_BYTES)}`);
    await admin.set(`{ws:commercial:dc:sjc}:node:${'c'.repeat(1000)}`, '0 x');
    await admin.zadd('{ws:commercial:dc:sjc}:nodes', 0, 'b', 0, 'c'.repeat(1000));
    expect(await registry.nodes(['sjc'])).toEqual([ENTRY]);
    expect(await registry.find([ENTRY, { id: 'b', datacenter: 'sjc' }])).toEqual([ENTRY]);

    await admin.set('ws:cloud', 'x'.repeat(1_000_000));
    const other = await registry.announce(ENTRY, LEASE).catch((error: Error) => error.message);
    expect(String(other).length).toBeLessThan(500);
  });

  test.each([
    ['9007199254740000', 9007199254740000],
    ['9007199254740001', 0],
    ['9007199254740991', 0],
    ['90071992547409920', 0],
    ['1e3', 0],
    ['0x10', 0],
    ['0x1p4', 0],
    ['0b11', 0],
    [' 7 ', 0],
    ['-1', 0],
    ['nan', 0],
  ])('the epoch %s is read as %d, by whoever claims and by the script that compares', async (epoch, read) => {
    const registry = connect();
    await admin.hset('{ws:commercial:room:r}', { epoch });
    const room = await registry.room('r');
    expect(room.epoch).toBe(read);
    const host = { node: 'a', nodeEpoch: 1, datacenter: 'sjc', homes: [], evidence: [] };
    expect(await registry.claimRoom('r', { host, regions: null, epoch: room.epoch })).toMatchObject({
      claimed: true,
    });
  });

  test('a Redis that is not there, goes, hangs and comes back', async () => {
    const own = await startRedisServer();
    try {
      await own.stop();
      const registry = connect({ ...placeOf(own), commandMs: 300 });
      const fails = () =>
        expect(registry.nodes(['sjc'])).rejects.toMatchObject({ code: 'registry_unavailable' });
      const works = () =>
        waitFor('the registry', () =>
          registry.announce(ENTRY, LEASE).then(
            () => true,
            () => false,
          ),
        );
      await fails();
      await own.start();
      await works();
      await own.kill();
      await waitFor('the loss to be noticed', () =>
        registry.nodes(['sjc']).then(
          () => false,
          () => true,
        ),
      );
      await fails();
      await own.start();
      await works();
      own.pause();
      // Each is answered in bounded time, and nothing piles up behind a server that says nothing.
      for (let i = 0; i < 5; i++) await fails();
      own.resume();
      await works();
      expect(await registry.nodes(['sjc'])).toEqual([ENTRY]);
    } finally {
      await own.end();
    }
  });

  test('a closed registry makes no more attempts', async () => {
    const own = await startRedisServer();
    const registry = connect(placeOf(own));
    await registry.announce(ENTRY, LEASE);
    await registry.close();
    const watcher = new Redis(own.port, '127.0.0.1');
    await waitFor(
      'the connection to end',
      async () => !/name=|cmd=(?!client)/.test(await listOthers(watcher)),
    );
    watcher.disconnect();
    await own.end();
  });
});

/** So many fields of so many characters. */
function fields(count: number, size: number): Map<string, string> {
  return new Map(Array.from({ length: Math.ceil(count) }, (_, n) => [`n:sjc/${n}`, 'x'.repeat(size)]));
}

/** Every connection but the watcher's own. */
async function listOthers(watcher: Redis): Promise<string> {
  const own = `id=${await watcher.client('ID')} `;
  const lines = String(await watcher.client('LIST')).split('\n');
  return lines.filter((line) => line !== '' && !line.startsWith(own)).join('\n');
}
