import { writeFileSync } from 'node:fs';
import { Command } from 'commander';
import type { Redis } from 'ioredis';
import { z } from 'zod';
import { signedSealer } from '../../src/identity/sealer.ts';
import { testEnrolment, testIdentity, testTrust } from '../../src/identity/testing/enrolled.ts';
import { type NodeEntry, type NodeRecord, nodeOfPart, type RoomHost } from '../../src/registry/port.ts';
import { RedisKeys } from '../../src/registry/redis/keys.ts';
import { RedisRegistry } from '../../src/registry/redis/registry.ts';
import { partField, writePart } from '../../src/registry/redis/room-record.ts';
import { startRedisServer } from '../../src/registry/testing/redis-server.ts';
import { machineDescription, machineLines } from './machine.ts';
import { adminOf, type Cost, costOf, usedMemory } from './registry/figures.ts';

const optionsSchema = z.object({
  nodes: z.coerce.number().int().min(10).max(100_000),
  rooms: z.coerce.number().int().min(0).max(10_000_000),
  times: z.coerce.number().int().min(10).max(100_000),
  out: z.string().optional(),
});

const CLOUD = 'commercial';
const SITES = ['sjc', 'iad', 'fra', 'ams', 'hkg', 'sha', 'tsn'];
/** What a client of `us` is asked for: two primaries and three secondaries. */
const ROUTE = ['sjc', 'iad', 'fra', 'ams', 'hkg'];
const LEASE_MS = 3_600_000;
const BATCH = 10_000;

interface Row {
  readonly nodes: number;
  readonly rooms: number;
  readonly heartbeat: Cost;
  /** Who is up, and a room that nobody holds yet: read, claimed, and given back. */
  readonly join: Cost;
}

/** `npm run bench -- registry`: what a heartbeat and a join cost a real Redis, by nodes and rooms that are there. */
export async function runRegistry(args: readonly string[]): Promise<void> {
  const command = new Command('npm run bench -- registry')
    .description('What a heartbeat and a join cost Redis, from few nodes and rooms to many.')
    .option('--nodes <number>', 'at most', '10000')
    .option('--rooms <number>', 'at most', '1000000')
    .option('--times <number>', 'that each is repeated', '500')
    .option('--out <path>', 'writes PATH.json and PATH.md');
  command.parse(args, { from: 'user' });
  const options = optionsSchema.parse(command.opts());
  const server = await startRedisServer();
  const admin = adminOf(server);
  const registry = new RedisRegistry({
    cloud: CLOUD,
    at: { kind: 'single', host: '127.0.0.1', port: server.port },
    tls: null,
    username: null,
    password: null,
  });
  try {
    const startedAt = new Date().toISOString();
    const result = { format: 'watershed-registry-benchmark', version: 1, startedAt, times: options.times };
    const measured = await measure(registry, admin, options);
    const whole = { ...result, machine: machineDescription(), ...measured };
    const text = markdown(whole);
    process.stdout.write(text);
    if (options.out === undefined) return;
    writeFileSync(`${options.out}.json`, `${JSON.stringify(whole, null, 2)}\n`);
    writeFileSync(`${options.out}.md`, text);
  } finally {
    await registry.close();
    admin.disconnect();
    await server.end();
  }
}

async function measure(
  registry: RedisRegistry,
  admin: Redis,
  { nodes, rooms, times }: z.output<typeof optionsSchema>,
): Promise<{ rows: Row[]; bytesPerNode: number; bytesPerRoom: number; bytesOfRecord: number }> {
  const body = sealedBody();
  const rows: Row[] = [];
  const row = async (nodeCount: number, roomCount: number): Promise<void> => {
    process.stderr.write(`${nodeCount} nodes, ${roomCount} rooms\n`);
    rows.push({ nodes: nodeCount, rooms: roomCount, ...(await costs(registry, admin, times, body)) });
  };
  const empty = await usedMemory(admin);
  let present = 0;
  for (const count of steps(10, nodes)) {
    await fillNodes(admin, present, count, body);
    present = count;
    await row(count, 0);
  }
  const withNodes = await usedMemory(admin);
  let filled = 0;
  for (const count of steps(1000, rooms)) {
    await fillRooms(admin, filled, count);
    filled = count;
    await row(present, count);
  }
  const withRooms = await usedMemory(admin);
  return {
    rows,
    bytesPerNode: (withNodes - empty) / present,
    bytesPerRoom: (withRooms - withNodes) / Math.max(filled, 1),
    bytesOfRecord: body.length,
  };
}

/** Ten times more each. */
function steps(from: number, to: number): number[] {
  const found: number[] = [];
  for (let count = from; count < to; count *= 10) found.push(count);
  return to === 0 ? [] : [...found, to];
}

async function costs(
  registry: RedisRegistry,
  admin: Redis,
  times: number,
  body: string,
): Promise<Pick<Row, 'heartbeat' | 'join'>> {
  const own: NodeEntry = { id: 'sjc-own', datacenter: 'sjc', load: 0.3, body };
  const heartbeat = await costOf(admin, times, () => registry.announce(own, LEASE_MS), 0);
  const enter = async (i: number): Promise<void> => {
    const key = `new-${i}`;
    await Promise.all([registry.nodes(ROUTE), registry.room(key)]);
    await registry.claimRoom(key, { host: hostOf('sjc-own'), regions: null, epoch: 0 });
  };
  const join = await costOf(admin, times, enter, 1);
  for (let i = 0; i <= times; i++) {
    await registry.restateRoom(`new-${i}`, { node: own, host: null, regions: null, seenEpoch: 0 });
  }
  return { heartbeat, join };
}

async function fillNodes(admin: Redis, from: number, to: number, body: string): Promise<void> {
  const keys = new RedisKeys(CLOUD);
  await inBatches(admin, from, to, (batch, i) => {
    const site = SITES[i % SITES.length] ?? '';
    const id = `${site}-${i}`;
    batch.set(keys.nodes(site) + id, `0.3 ${body}`, 'PX', LEASE_MS);
    batch.zadd(keys.index(site), i % 4, id);
  });
}

async function fillRooms(admin: Redis, from: number, to: number): Promise<void> {
  const keys = new RedisKeys(CLOUD);
  await inBatches(admin, from, to, (batch, i) => {
    const host = hostOf(`sjc-${i % 1000}`);
    // As long as a room's real key: 22 characters.
    const key = keys.room(String(i).padStart(22, 'r'));
    batch.hset(key, 'epoch', 1, partField(nodeOfPart(host)), writePart(host));
    batch.pexpire(key, LEASE_MS);
  });
}

async function inBatches(
  admin: Redis,
  from: number,
  to: number,
  add: (batch: ReturnType<Redis['pipeline']>, i: number) => void,
): Promise<void> {
  for (let start = from; start < to; start += BATCH) {
    const batch = admin.pipeline();
    for (let i = start; i < Math.min(start + BATCH, to); i++) add(batch, i);
    await batch.exec();
  }
}

/** Three people of two regions. */
function hostOf(node: string): RoomHost {
  return {
    node,
    nodeEpoch: 1_764_000_000_000,
    datacenter: 'sjc',
    homes: [
      { home: 'eu', count: 1 },
      { home: 'us', count: 2 },
    ],
    evidence: ['eu', 'us'],
  };
}

function sealedBody(): string {
  const enrolment = testEnrolment();
  const identity = testIdentity({ cloud: CLOUD, datacenter: 'sjc', id: 'sjc-0a1b2c3d' }, enrolment);
  const record: NodeRecord = {
    id: identity.id,
    datacenter: 'sjc',
    url: 'wss://node-17.sjc.example.net',
    link: '198.51.100.17:7000',
    epoch: 1_764_000_000_000,
    sequence: 123_456,
    calls: [],
    state: 'ready',
    load: 0.3125,
    accepting: true,
    policy: `sha256:${'0'.repeat(64)}`,
    version: '0.1.0',
  };
  return signedSealer(identity, testTrust(CLOUD, { sjc: enrolment })).seal(record);
}

function markdown(result: {
  readonly startedAt: string;
  readonly times: number;
  readonly machine: Readonly<Record<string, string>>;
  readonly rows: readonly Row[];
  readonly bytesPerNode: number;
  readonly bytesPerRoom: number;
  readonly bytesOfRecord: number;
}): string {
  const cells = ({ requests, commands, bytesIn, bytesOut, serverMicros, p50Ms, p99Ms }: Cost) =>
    [
      `${requests.toFixed(2)} (${commands.toFixed(2)})`,
      bytesIn.toFixed(0),
      bytesOut.toFixed(0),
      serverMicros.toFixed(0),
      p50Ms.toFixed(2),
      p99Ms.toFixed(2),
    ].join(' | ');
  const table = (title: string, of: (row: Row) => Cost) => [
    `## ${title}`,
    '',
    '| nodes | rooms | requests (commands) | bytes to Redis | bytes from it | µs of Redis | p50 ms | p99 ms |',
    '|---|---|---|---|---|---|---|---|',
    ...result.rows.map((row) => `| ${row.nodes} | ${row.rooms} | ${cells(of(row))} |`),
    '',
  ];
  return [
    '# Registry: what Redis is asked',
    '',
    `${result.startedAt}, each figure over ${result.times} times, one after another, Redis and node on one machine.`,
    '',
    ...machineLines(result.machine),
    `- a node in Redis: ${result.bytesPerNode.toFixed(0)} bytes, its sealed record ${result.bytesOfRecord} of them`,
    `- a room in Redis: ${result.bytesPerRoom.toFixed(0)} bytes, with three members at one node`,
    '',
    ...table('A heartbeat', (row) => row.heartbeat),
    ...table('A join', (row) => row.join),
    'A join here reads who is up in the five datacenters of a route (a node does so at most twice a second, for all',
    'joins together), reads the room and claims it.',
    '',
  ].join('\n');
}
