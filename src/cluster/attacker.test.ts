import { Redis } from 'ioredis';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { NodeIdentity } from '../identity/identity.ts';
import { signedSealer } from '../identity/sealer.ts';
import { type TestEnrolment, testEnrolment, testIdentity, testTrust } from '../identity/testing/enrolled.ts';
import { allowed } from '../policy/allowed.ts';
import type { NodeRecord, RoomHost } from '../registry/port.ts';
import { RedisRegistry } from '../registry/redis/registry.ts';
import { type RedisServer, startRedisServer } from '../registry/testing/redis-server.ts';
import { commonPlaces } from './federation/common-places.ts';
import { roomKey } from './federation/messages.ts';
import { createFreshness } from './freshness.ts';
import { CACHE_MS, createRoster, type RejectedNode, type Roster } from './roster.ts';
import { createDoor, type Door, FROM, nodeOf, withPolicy, zoom2020 } from './testing/door.ts';

/**
 * Someone who can write anything to the Redis, and who may run nodes of his own at `sha`: nobody is told of a
 * datacenter, or of a URL, that is not theirs, and no link is dialled to what is not a node of its datacenter.
 */
const CLOUD = 'commercial';
const ROOM = 'standup';
const base = zoom2020();
const SITES = base.datacenterNames;
const enrolments = Object.fromEntries(SITES.map((site) => [site, testEnrolment()]));
const p = withPolicy(base, {
  datacenters: new Map(
    [...base.policy.datacenters].map(([site, d]) => [site, { ...d, key: of(enrolments, site).key }]),
  ),
});
const trust = testTrust(CLOUD, enrolments);
const identities = Object.fromEntries(
  SITES.map((site) => [site, testIdentity(named(site), of(enrolments, site))]),
);

const CLIENTS = [
  ['us', FROM.us],
  ['eu', FROM.de],
  ['hk', FROM.hk],
  ['cn', FROM.cn],
] as const;

/** Two primaries and two secondaries each; hk has one primary. */
const ALL_LISTED = 15;

function of<T>(table: Readonly<Record<string, T>>, site: string): T {
  const found = table[site];
  if (found === undefined) throw new Error(`nothing of ${site}`);
  return found;
}

function named(datacenter: string, id = `${datacenter}-1`) {
  return { cloud: CLOUD, datacenter, id };
}

/** What the true node of a site says of itself. */
function genuine(site: string, sequence: number): NodeRecord {
  return nodeOf(p, site, {
    id: `${site}-1`,
    epoch: 5,
    sequence,
    calls: [],
    link: `192.0.2.${SITES.indexOf(site)}:7000`,
  });
}

function sealed(identity: NodeIdentity, record: NodeRecord): string {
  return signedSealer(identity, trust).seal(record);
}

let server: RedisServer;
let admin: Redis;
let registry: RedisRegistry;
let roster: Roster;
let door: Door;
let rejected: RejectedNode[];
let beat = 0;
beforeAll(async () => {
  server = await startRedisServer();
  admin = new Redis(server.port, '127.0.0.1');
  registry = new RedisRegistry({
    cloud: CLOUD,
    at: { kind: 'single', host: '127.0.0.1', port: server.port },
    tls: null,
    username: null,
    password: null,
  });
});
afterAll(async () => {
  await registry.close();
  admin.disconnect();
  await server.end();
});
beforeEach(async () => {
  await admin.flushall();
  rejected = [];
  let reading = 0;
  roster = createRoster({
    registry,
    sealer: signedSealer(of(identities, 'sjc'), trust),
    onRejected: (node) => rejected.push(node),
    now: () => (reading += CACHE_MS),
  });
  const find = async (id: string, datacenter: string) =>
    (await roster.find(p, [{ id, datacenter }])).nodes[0] ?? null;
  door = await createDoor('sjc', p, {
    roster,
    common: (room, label) => commonPlaces({ cloud: CLOUD, policy: () => p, registry, find }, room, label),
  });
  await heartbeats();
});

/** Every true node announces itself. */
async function heartbeats(): Promise<void> {
  beat += 1;
  for (const site of SITES) {
    const record = genuine(site, beat);
    const entry = { id: record.id, datacenter: site, load: 0.1, body: sealed(of(identities, site), record) };
    await registry.announce(entry, 60_000);
  }
}

/** Writes a body as the record of a node, before all others in its datacenter's index. */
async function plant(datacenter: string, id: string, body: string): Promise<void> {
  await admin.set(`{ws:${CLOUD}:dc:${datacenter}}:node:${id}`, `-1 ${body}`);
  await admin.zadd(`{ws:${CLOUD}:dc:${datacenter}}:nodes`, -100, id);
}

/** What clients of each region are told, each entry judged; how many entries there were. */
async function askEverywhere(): Promise<number> {
  let entries = 0;
  for (const [region, address] of CLIENTS) {
    const token = await door.token({ region, room: ROOM });
    const outcome = await door.admission.directory({ token, address, step: 'directory' });
    if (outcome.kind === 'refuse') {
      expect(outcome.refusal.code).toBe('no_datacenter_up');
      continue;
    }
    for (const { datacenter, url } of [...outcome.answer.primaries, ...outcome.answer.secondaries]) {
      entries += 1;
      expect(allowed(p, region, datacenter), `${region} was told of ${datacenter}`).toBe(true);
      expect(url).toBe(p.policy.datacenters.get(datacenter)?.url);
    }
  }
  expect(door.defects).toEqual([]);
  return entries;
}

/** Every node that a link could be dialled to, by any name that stands in the registry. */
async function linkTargets(ids: readonly string[]): Promise<readonly NodeRecord[]> {
  const names = SITES.flatMap((datacenter) => ids.map((id) => ({ id, datacenter })));
  return (await roster.find(p, names)).nodes;
}

interface Forgery {
  readonly what: string;
  /** For one place in the registry. */
  readonly body: (site: string, id: string) => string;
}

const stranger: TestEnrolment = testEnrolment();
const EVIL = 'wss://evil.example.com';
const own = of(identities, 'sha');
const FORGERIES: readonly Forgery[] = [
  { what: 'nonsense', body: () => 'nonsense' },
  { what: 'a plain record', body: (site, id) => JSON.stringify({ ...genuine(site, 99), id, url: EVIL }) },
  {
    what: 'a record by a key of his own, certified by himself',
    body: (site, id) =>
      sealed(testIdentity(named(site, id), stranger), { ...genuine(site, 99), id, url: EVIL }),
  },
  {
    what: "a record by a certificate that sha's key made for another datacenter",
    body: (site, id) =>
      sealed(testIdentity(named(site, id), of(enrolments, 'sha')), { ...genuine(site, 99), id }),
  },
  { what: "his own node's record", body: () => sealed(own, genuine('sha', 99)) },
  {
    what: 'a record of another place, by his own node',
    body: (site, id) => sealed(own, { ...genuine(site, 99), id }),
  },
  {
    what: 'a record of his own node that says it stands elsewhere',
    body: (site) => sealed(own, { ...genuine('sha', 99), datacenter: site, id: 'sha-1' }),
  },
  {
    what: "a record of his own node with another datacenter's URL, or with any",
    body: (site) =>
      sealed(own, {
        ...genuine('sha', 99),
        url: site === 'sha' ? EVIL : (p.policy.datacenters.get(site)?.url ?? ''),
      }),
  },
  ...SITES.map((from) => ({
    what: `the true record of ${from}`,
    body: () => sealed(of(identities, from), genuine(from, 99)),
  })),
];

describe('an attacker who can write anything to the Redis', () => {
  test('before he does, everyone is served', async () => {
    expect(await askEverywhere()).toBe(ALL_LISTED);
    expect(rejected).toEqual([]);
    expect(await linkTargets(SITES.map((site) => `${site}-1`))).toHaveLength(SITES.length);
  });

  test.each(FORGERIES)('puts $what beside the true nodes', async ({ body }) => {
    for (const site of SITES) {
      for (const id of ['evil', 'sha-1', `${site}-2`]) await plant(site, id, body(site, id));
    }
    await heartbeats();
    expect(await askEverywhere()).toBeGreaterThan(0);
    for (const target of await linkTargets(['evil', 'sha-1', ...SITES.map((site) => `${site}-2`)])) {
      // What is his own, where it is.
      expect(target).toMatchObject({ datacenter: 'sha', link: genuine('sha', 0).link });
    }
    expect(rejected.length).toBeGreaterThan(0);
  });

  test.each(FORGERIES)(
    'puts $what in the place of the true nodes: the next heartbeat mends it',
    async ({ body }) => {
      await askEverywhere();
      for (const site of SITES) await plant(site, `${site}-1`, body(site, `${site}-1`));
      await askEverywhere();
      for (const target of await linkTargets(SITES.map((site) => `${site}-1`))) {
        expect(target.link).toBe(genuine(target.datacenter, 0).link);
      }
      beat += 100;
      await heartbeats();
      expect(await askEverywhere()).toBe(ALL_LISTED);
    },
  );

  test('replays what a node said before: it is not believed by who has heard it since', async () => {
    const before = new Map<string, string>();
    for (const site of SITES) {
      before.set(site, (await admin.get(`{ws:${CLOUD}:dc:${site}}:node:${site}-1`)) ?? '');
    }
    await heartbeats();
    await askEverywhere();
    for (const [site, record] of before) {
      await plant(site, `${site}-1`, record.slice(record.indexOf(' ') + 1));
    }
    expect(await askEverywhere()).toBe(0);
    expect(await linkTargets(SITES.map((site) => `${site}-1`))).toEqual([]);
    expect(new Set(rejected.map(({ reason }) => reason))).toEqual(new Set(['record_replayed']));
  });

  test('replays the last record of nodes that are gone: one that has just started does not believe it either', async () => {
    const gone = ['iad', 'ams'];
    const last = new Map<string, string>();
    for (const site of gone) {
      last.set(site, (await admin.get(`{ws:${CLOUD}:dc:${site}}:node:${site}-1`)) ?? '');
    }
    await admin.flushall();
    let now = 0;
    const freshness = createFreshness({
      own: named('sjc'),
      // Whoever lives answers over its link; nobody can answer for who does not.
      ask: async ({ datacenter }) => {
        if (gone.includes(datacenter)) throw new Error('unreachable');
        return { epoch: 5, sequence: beat };
      },
      call: (datacenter, call) => registry.call(datacenter, call),
      now: () => now,
    });
    const sealer = signedSealer(of(identities, 'sjc'), trust);
    const fresh = createRoster({ registry, sealer, freshness, now: () => now });
    for (let n = 0; n < 6; n += 1) {
      await heartbeats();
      for (const [site, record] of last) {
        await plant(site, `${site}-1`, record.slice(record.indexOf(' ') + 1));
      }
      const { nodes, rejected: refused } = await fresh.read(p, SITES);
      expect(nodes.map(({ datacenter }) => datacenter).sort()).toEqual(
        SITES.filter((site) => !gone.includes(site)).sort(),
      );
      expect(new Set(refused.map(({ reason }) => reason))).toEqual(new Set(['record_unconfirmed']));
      now += 3000;
    }
  });

  test('writes rooms that are at sha, with any members and narrowing', async () => {
    const homes = (...names: string[]) => ({
      homes: names.map((home) => ({ home, count: 1 })),
      evidence: names,
    });
    const host = (over: Partial<RoomHost>): RoomHost => ({
      node: 'sha-1',
      nodeEpoch: 5,
      datacenter: 'sha',
      ...homes('cn'),
      ...over,
    });
    for (const regions of ['cn', 'us,cn', '', null]) {
      for (const part of [
        host({}),
        host(homes('us')),
        host(homes('cn', 'us', 'eu')),
        host({ ...homes('us'), evidence: [] }),
        host({ node: 'sjc-1', datacenter: 'sha' }),
        host({ node: 'sjc-1', datacenter: 'sjc' }),
      ]) {
        const key = `{ws:${CLOUD}:room:${roomKey(CLOUD, ROOM)}}`;
        await admin.del(key);
        await admin.hset(key, {
          epoch: '9',
          [`n:${part.node}`]: JSON.stringify(part),
          ...(regions !== null && { regions }),
        });
        expect(await askEverywhere()).toBeGreaterThan(0);
      }
    }
  });
});
