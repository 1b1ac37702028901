import { setTimeout as sleep } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { createParticipant, type Participant } from '../../loadtest/participant/participant.ts';
import { roomKey } from '../cluster/federation/messages.ts';
import { CACHE_MS } from '../cluster/roster.ts';
import { testEnrolment } from '../identity/testing/enrolled.ts';
import type { Link } from '../links/types.ts';
import { RouterWatch } from '../media/testing/router-watch.ts';
import { type CompiledPolicy, compilePolicy } from '../policy/compile.ts';
import type { NodeEntry, NodeRef } from '../registry/port.ts';
import { RedisRegistry } from '../registry/redis/registry.ts';
import { type RedisServer, startRedisServer } from '../registry/testing/redis-server.ts';
import { waitFor } from '../testing/wait.ts';
import { Attacker } from './harness/attacker.ts';
import { startCloud, type TestCloud } from './harness/cloud.ts';
import { expectOutside } from './harness/fence.ts';
import { GapWatch, heard, hears, ownId, seatOf } from './harness/hearing.ts';

/**
 * Someone who can write anything to the Redis of real nodes, who has enrolled nodes of his own at `sha`, and who has
 * had the node there take its fence for open: people of `us` and `hk` talk and come meanwhile. What reaches him is
 * asked of the routers at sha, of his own nodes, and of the port that his forged records name.
 */
const CLOUD = 'commercial';
const ROOM = roomKey(CLOUD, 'summit');
const [ANN, LIN, CHEN] = ['127.0.1.1', '127.0.3.1', '127.0.2.1'];
/** One for each who comes. */
const newcomer = (n: number): string => `127.0.1.${n + 10}`;
const RUNNING = ['sjc', 'hkg', 'sha'];
/** Where those outside the fence of `cn` could be led. */
const SITES = ['sjc', 'iad', 'fra', 'hkg'];

let server: RedisServer;
let admin: Redis;
let attacker: Attacker;
let watch: RouterWatch;
let cloud: TestCloud;
let ann: Participant;
let lin: Participant;
let chen: Participant;
/** What stood in Redis before anybody joined. */
let before: readonly NodeEntry[] = [];
let comers = 0;
const ends: (() => unknown)[] = [];

function connect(): RedisRegistry {
  const at = { kind: 'single', host: '127.0.0.1', port: server.port } as const;
  const registry = new RedisRegistry({ cloud: CLOUD, at, tls: null, username: null, password: null });
  ends.push(() => registry.close());
  return registry;
}

/** As after a mistaken edit at one site. */
function mistaken(datacenter: string, policy: CompiledPolicy): CompiledPolicy {
  const cn = policy.policy.regions.get('cn');
  if (datacenter !== 'sha' || cn === undefined) return policy;
  const regions = new Map([...policy.policy.regions, ['cn', { ...cn, admits: 'any' as const }]]);
  return compilePolicy({ ...policy.policy, regions });
}

async function person(region: string, at: string, bindAddress: string, direct = false): Promise<Participant> {
  const { url } = cloud.at(at);
  return createParticipant({
    token: await cloud.token('summit', region),
    ...(direct ? { url: url.replace('http', 'ws') } : { frontDoors: [url] }),
    publish: ['microphone'],
    displayName: `${region} person`,
    bindAddress,
  });
}

async function join(region: string, at: string, address: string): Promise<Participant> {
  const participant = await person(region, at, address);
  expect(await participant.join()).toEqual({ ok: true, value: 'joined' });
  ends.push(() => participant.leave());
  return participant;
}

/** Asks a node for a list, so that it reads what stands in Redis. */
async function askFor(site: string): Promise<void> {
  const answer = await fetch(`${cloud.at(site).url}/v1/directory`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await cloud.token('other', 'us')}` },
  });
  await answer.arrayBuffer();
}

interface Attack {
  /** Once; it is repeated. */
  readonly does: () => Promise<unknown>;
  /** That it has reached honest nodes. */
  readonly shows: () => boolean;
}

const isLogged = (reason: string) => (): boolean =>
  RUNNING.some((site) => cloud.at(site).log().includes(`"reason":"${reason}"`));
const places = (name: (site: string) => string): NodeRef[] =>
  SITES.map((site) => ({ id: name(site), datacenter: site }));

const ATTACKS: Readonly<Record<string, Attack>> = {
  'writes again what nodes said before': {
    does: () => Promise.all(before.map((node) => attacker.write(node, node.body))),
    shows: isLogged('record_replayed'),
  },
  'forges records of nodes that are, and of nodes that are not': {
    does: () =>
      Promise.all(
        [...places((site) => `${site}-1`), ...places(() => 'evil')].flatMap(({ id, datacenter }) => {
          const [one, two, three] = [id, `${id}0`, `${id}1`].map((name) => ({ id: name, datacenter }));
          if (one === undefined || two === undefined || three === undefined) return [];
          return [
            attacker.write(one, attacker.forged(one, testEnrolment())),
            attacker.write(two, attacker.forged(two, cloud.enrolment('sha'))),
            attacker.write(three, JSON.stringify(attacker.record(three, ''))),
          ];
        }),
      ),
    shows: () => isLogged('certificate_not_by_enrolment_key')() && isLogged('record_malformed')(),
  },
  'puts nodes where others are, his own among them': {
    does: async () => {
      const bodies = [...before.map(({ body }) => body), attacker.ownRecord()];
      for (const [n, { id, datacenter }] of places((site) => `${site}-1`).entries()) {
        for (const name of [id, 'sha-9', 'sha-1']) {
          await attacker.write({ id: name, datacenter }, bodies[(n + 1) % bodies.length] ?? '');
        }
      }
    },
    shows: isLogged('record_misplaced'),
  },
  'has the room be on sha, and nowhere else': {
    does: async () => {
      for (const datacenter of ['sha', 'hkg']) await attacker.part({ id: 'sha-9', datacenter });
      const { epoch } = await attacker.trueNode('sha');
      await attacker.part({ id: 'sha-1', datacenter: 'sha' }, epoch);
      for (const datacenter of ['sjc', 'hkg'])
        await attacker.part({ id: `${datacenter}-1`, datacenter }, null);
    },
    // They met his node, as the record says.
    shows: () => attacker.told.length > 0,
  },
  'erases everything': { does: () => admin.flushall(), shows: () => true },
};

beforeAll(async () => {
  server = await startRedisServer();
  ends.push(() => server.end());
  admin = new Redis(server.port, '127.0.0.1');
  ends.push(() => admin.disconnect());
  watch = new RouterWatch();
  ends.push(() => watch.close());
  cloud = await startCloud({
    datacenters: RUNNING,
    registry: async () => connect(),
    onStart: (datacenter) => watch.stands(datacenter),
    policyAt: mistaken,
  });
  ends.push(() => cloud.close());
  attacker = await Attacker.start(cloud, connect(), ROOM);
  ends.push(() => attacker.close());
  before = await attacker.entries(RUNNING);
  expect(before).toHaveLength(3);
  chen = await join('cn', 'sha', CHEN);
  lin = await join('hk', 'hkg', LIN);
  ann = await join('us', 'sjc', ANN);
  await Promise.all([hears(lin, ann), hears(ann, lin)]);
  expect([ann, lin, chen].map(seatOf)).toEqual(['sjc', 'hkg', 'sha']);
  await waitFor('newer records', async () => {
    const now = await attacker.entries(RUNNING);
    return now.length === 3 && now.every(({ body }) => !before.some((old) => old.body === body));
  });
  // Every node has read them.
  await sleep(CACHE_MS);
  await Promise.all(RUNNING.map(askFor));
}, 60_000);
afterAll(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** Does something over and over, more often than any node writes, until it is told to stop. */
function keepDoing({ does, shows }: Attack): () => Promise<void> {
  let running = true;
  let times = 0;
  const loop = (async () => {
    while (running) {
      await attacker.write({ id: 'sha-9', datacenter: 'sha' }, attacker.ownRecord());
      await does();
      times += 1;
      await sleep(50);
    }
  })();
  return async () => {
    try {
      await waitFor('it to be done often enough', () => times > 20 && shows());
    } finally {
      running = false;
      await loop;
    }
  };
}

/** Nothing of anybody but chen's came to sha, nobody was told anything there, and nobody was told of anyone there. */
async function expectNothing(): Promise<void> {
  const comersSoFar = Array.from({ length: comers }, (_, n) => newcomer(n));
  await expectOutside(watch, 'sha', [ANN, LIN, ...comersSoFar], [CHEN]);
  expect(attacker.connections).toBe(0);
  const all = attacker.told.join('\n') + cloud.at('sha').log();
  for (const word of ['us person', 'hk person', 'not for sha']) expect(all.includes(word), word).toBe(false);
  expect((await heard(chen)).size).toBe(0);
  expect([...(chen.client.room?.peers.values() ?? [])]).toEqual([]);
  const told = [ann, lin].flatMap(({ client }) => [...(client.room?.peers.values() ?? [])]);
  expect(told.filter(({ datacenter }) => datacenter === 'sha')).toEqual([]);
}

describe('who can write anything to the Redis', () => {
  it.each(Object.entries(ATTACKS))(
    '%s: those who talk go on, whoever comes sits where they may, and no leg leads to sha',
    async (_what, attack) => {
      const gaps = [new GapWatch(ann, [lin]), new GapWatch(lin, [ann])];
      const stop = keepDoing(attack);
      // One comes straight to a node, and one asks the node at sha where to go.
      const coming = [
        await person('us', 'sjc', newcomer(comers++), true),
        await person('us', 'sha', newcomer(comers++)),
      ];
      const outcomes = await Promise.all(coming.map((comer) => comer.join()));
      for (const [n, outcome] of outcomes.entries()) {
        // At worst a join fails, for now.
        if (outcome.ok) expect(['sjc', 'hkg']).toContain(coming[n]?.client.seat?.datacenter);
        else expect(outcome.problem.retry).toBe(true);
      }
      await ann.client.sendChat('not for sha');
      await stop();
      await Promise.all(coming.map((comer) => comer.leave()));
      for (const gap of gaps) expect(await gap.longest()).toBeLessThan(2000);
      await expectNothing();
    },
    40_000,
  );

  it('and is gone: whoever comes is in the room again', async () => {
    await admin.flushall();
    const late = await waitFor('a join', async () => {
      const comer = await person('us', 'sjc', newcomer(comers));
      if ((await comer.join()).ok) return comer;
      await comer.leave();
      return undefined;
    });
    comers += 1;
    ends.push(() => late.leave());
    await hears(late, lin);
    await hears(lin, late);
    await expectNothing();
  }, 40_000);

  it.each([
    ['a name of its own', 0],
    ['the name of the node of hkg', 1],
  ])(
    'finds that his node, by %s, meets the room, is told of nobody, and is refused a lease of their media',
    async (_name, which) => {
      const node = attacker.nodes[which];
      if (node === undefined) throw new Error('he has no such node');
      for (const [site, speaker] of [
        ['sjc', ann],
        ['hkg', lin],
      ] as const) {
        const to = await node.connect(await known(site));
        const answer = await to.request('room.meet', attacker.introduction(node));
        expect(answer).toMatchObject({ hosting: true, members: [], waiting: [] });
        await ann.client.sendChat('not for sha');
        for (const label of [null, { home: 'cn', evidence: ['cn'], regions: null }]) {
          await expect(lease(to, speaker, label)).rejects.toMatchObject({ code: 'region_not_admitted' });
        }
      }
      await expectNothing();
    },
    30_000,
  );
});

/** The true node of a place, once it has said again who it is. */
const known = (site: string) => waitFor('its record', () => attacker.trueNode(site).catch(() => undefined));

/** Asks for what somebody publishes, as whoever hears them knows it, with an address to send it to. */
async function lease(to: Link, speaker: Participant, label: object | null): Promise<unknown> {
  const { received } = await (speaker === ann ? lin : ann).stats();
  const producer = received.find(({ peerId }) => peerId === ownId(speaker));
  if (producer === undefined) throw new Error('nobody hears them');
  return to.request('pipe.open', {
    pipeId: 'pipe',
    producerId: producer.producerId,
    nonce: 'A'.repeat(22),
    room: ROOM,
    peerId: ownId(speaker),
    label,
    policy: cloud.policy.digest,
    end: {
      ip: '127.0.0.1',
      port: attacker.trapPort,
      srtpParameters: { cryptoSuite: 'AEAD_AES_256_GCM', keyBase64: `${'A'.repeat(59)}=` },
    },
  });
}
