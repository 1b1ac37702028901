import { afterEach, beforeAll, expect, test } from 'vitest';
import { syntheticHandlerFactory } from '../../loadtest/participant/handler.ts';
import { waitFor } from '../testing/wait.ts';
import { WatershedClient } from './client.ts';
import { nodeEnvironment } from './node.ts';
import { type CloudKeys, cloudKeys } from './testing/cloud-keys.ts';
import {
  type Line,
  refusalOf,
  type ScriptedNode,
  startScriptedNode,
  welcomeOf,
} from './testing/scripted-node.ts';
import { joinedOf, scriptRoom, transportOf } from './testing/scripted-room.ts';

const started: ScriptedNode[] = [];
const clients: WatershedClient[] = [];
let cloud: CloudKeys;

beforeAll(async () => {
  cloud = await cloudKeys();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.leave()));
  await Promise.all(started.splice(0).map((node) => node.close()));
});

async function nodeAt(datacenter: string, onLine: (line: Line) => void): Promise<ScriptedNode> {
  const node = await startScriptedNode({
    datacenter,
    region: datacenter,
    open: (line) => {
      line.notify('welcome', welcomeOf(datacenter, datacenter));
      onLine(line);
    },
    http: async (path) => (path === '/v1/keys' ? { status: 200, body: { keys: cloud.keys } } : null),
  });
  started.push(node);
  return node;
}

async function joinedAt(node: ScriptedNode) {
  const client = new WatershedClient(nodeEnvironment({ handlerFactory: syntheticHandlerFactory() }));
  clients.push(client);
  const statuses: string[] = [];
  const moves: string[] = [];
  client.on('status', (status) => statuses.push(status));
  client.on('moved', ({ from, to, why }) => moves.push(`${from?.datacenter} ${to.datacenter} ${why.code}`));
  const outcome = await client.connect({
    token: await cloud.token(),
    direct: node.url,
    frontDoors: [node.url.replace('ws', 'http')],
    keys: cloud.keys,
  });
  expect(outcome.ok).toBe(true);
  return { client, statuses, moves };
}

async function moveTo(node: ScriptedNode): Promise<object> {
  const list = await cloud.sign({ primaries: [], secondaries: [node.entry] });
  return { redirect: { ...refusalOf('room_moved', 403, false), rule: 'common', list }, seconds: 10 };
}

test('takes the new place first, and leaves the old one then', async () => {
  const order: string[] = [];
  const hkg = await nodeAt('hkg', (line) => {
    scriptRoom(line, { peerId: 'me-there' });
    order.push('connected there');
  });
  const sha = await nodeAt('sha', (line) => scriptRoom(line));
  const { client, statuses, moves } = await joinedAt(sha);
  const [line] = sha.lines;
  if (line === undefined) throw new Error('no line');
  line.notify('move', await moveTo(hkg));
  await waitFor('the move', () => moves.length === 1);
  expect(moves).toEqual(['sha hkg room_moved']);
  expect(client.seat?.datacenter).toBe('hkg');
  expect(client.room?.peerId).toBe('me-there');
  // Never out of the meeting, as far as anybody could see.
  expect(statuses).toEqual(['connecting', 'joined']);
  // What the old place still says is not this meeting's any more.
  line.notify('peerLeft', { peerId: 'somebody', reason: 'left' });
  expect(hkg.lines).toHaveLength(1);
});

test('stays where it is while nowhere else has a place, and rejoins once it is sent away', async () => {
  let full = true;
  const hkg = await nodeAt('hkg', (line) => {
    if (full) line.fail('join', { code: 'node_full', retry: true });
    else scriptRoom(line, { peerId: 'me-there' });
  });
  const sha = await nodeAt('sha', (line) => scriptRoom(line));
  const { client, statuses, moves } = await joinedAt(sha);
  const [line] = sha.lines;
  if (line === undefined) throw new Error('no line');
  const move = await moveTo(hkg);
  line.notify('move', move);
  await waitFor('the try', () => hkg.lines.length === 1);
  expect(client.seat?.datacenter).toBe('sha');
  expect(client.status).toBe('joined');
  full = false;
  if (!('redirect' in move)) throw new Error('no redirect');
  line.notify('redirect', move.redirect);
  line.close(4403);
  await waitFor('the way back', () => client.seat?.datacenter === 'hkg');
  expect(statuses).toEqual(['connecting', 'joined', 'rejoining', 'joined']);
  expect(moves).toEqual([]);
});

test('keeps its seat while the new place has a waiting room, and waits there once it is sent away', async () => {
  const hkg = await nodeAt('hkg', (line) => {
    line.answer('join', () => ({ state: 'waiting', peerId: 'me-there' }));
    for (const method of ['createTransport', 'ping'] as const) {
      line.fail(method, { code: 'not_joined', retry: false });
    }
  });
  const sha = await nodeAt('sha', (line) => scriptRoom(line));
  const { client, statuses } = await joinedAt(sha);
  const move = await moveTo(hkg);
  sha.lines[0]?.notify('move', move);
  await waitFor('the try', () => hkg.lines[0]?.closed);
  expect(client.status).toBe('joined');
  expect(client.seat?.datacenter).toBe('sha');
  if (!('redirect' in move)) throw new Error('no redirect');
  sha.lines[0]?.notify('redirect', move.redirect);
  sha.lines[0]?.close(4403);
  await waitFor('the wait', () => client.status === 'waiting');
  expect(statuses).toEqual(['connecting', 'joined', 'rejoining', 'waiting']);
  expect(hkg.lines.map(({ closed }) => closed)).toEqual([true, false]);
});

test('a list that the cloud has not signed moves nobody', async () => {
  const evil = await nodeAt('sha', () => {});
  const hkg = await nodeAt('hkg', (line) => scriptRoom(line));
  const { client } = await joinedAt(hkg);
  const problems: string[] = [];
  client.on('problem', ({ code }) => problems.push(code));
  const other = await cloudKeys('key-1');
  const list = await other.sign({ primaries: [evil.entry], secondaries: [] });
  hkg.lines[0]?.notify('move', {
    redirect: { ...refusalOf('room_moved', 403, false), rule: 'common', list },
    seconds: 10,
  });
  await waitFor('the answer', () => problems.length > 0 || hkg.lines.length > 1);
  expect(evil.lines).toEqual([]);
  expect(client.seat?.datacenter).toBe('hkg');
});

test('nothing is told of a new place that is found after the client has left', async () => {
  const hkg = await nodeAt('hkg', () => {});
  const sha = await nodeAt('sha', (line) => scriptRoom(line));
  const { client } = await joinedAt(sha);
  const told: string[] = [];
  client.on('seat', (seat) => told.push(`seat ${seat?.datacenter}`));
  client.on('room', ({ peerId }) => told.push(`room of ${peerId}`));
  client.on('closed', () => told.push('closed'));
  sha.lines[0]?.notify('move', await moveTo(hkg));
  await waitFor('the join there', () => hkg.lines[0]?.requests.length === 3);
  await client.leave();
  const [line] = hkg.lines;
  for (const { id, method } of line?.requests ?? []) {
    const data =
      method === 'join' ? { state: 'joined', ...joinedOf({ peerId: 'me-there' }) } : transportOf(`${id}`);
    line?.send(JSON.stringify({ type: 'response', id, ok: true, data }));
  }
  await waitFor('the end there', () => line?.closed);
  expect(told).toEqual(['seat undefined', 'closed']);
});
