import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { syntheticHandlerFactory } from '../../loadtest/participant/handler.ts';
import { SyntheticTrack } from '../../loadtest/participant/synthetic-track.ts';
import { freePort } from '../testing/free-port.ts';
import { waitFor } from '../testing/wait.ts';
import { WatershedClient } from './client.ts';
import type { ClientOptions, ClientStatus } from './client-types.ts';
import { nodeEnvironment } from './node.ts';
import type { Problem } from './problem.ts';
import { type CloudKeys, cloudKeys } from './testing/cloud-keys.ts';
import {
  type Line,
  refusalOf,
  type Script,
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
  vi.useRealTimers();
  await Promise.all(clients.splice(0).map((client) => client.leave()));
  await Promise.all(started.splice(0).map((node) => node.close()));
});

async function node(
  onLine: (line: Line) => void,
  { codecs, ...script }: Script & { codecs?: readonly object[] } = {},
): Promise<ScriptedNode> {
  const { datacenter = 'fra' } = script;
  const scripted = await startScriptedNode({
    ...script,
    datacenter,
    open: (line) => {
      line.notify('welcome', welcomeOf(datacenter, 'eu', codecs));
      onLine(line);
    },
  });
  started.push(scripted);
  return scripted;
}

interface Watched {
  readonly client: WatershedClient;
  readonly statuses: ClientStatus[];
  readonly problems: string[];
  readonly closed: (Problem | null)[];
}

function watch(options: ClientOptions = {}): Watched {
  const environment = nodeEnvironment({ handlerFactory: syntheticHandlerFactory() });
  const client = new WatershedClient(environment, { attemptTimeout: 700, ...options });
  clients.push(client);
  const watched: Watched = { client, statuses: [], problems: [], closed: [] };
  client.on('status', (status) => watched.statuses.push(status));
  client.on('problem', ({ code }) => watched.problems.push(code));
  client.on('closed', (problem) => watched.closed.push(problem));
  return watched;
}

async function joinDirectly(at: ScriptedNode, options: ClientOptions = {}): Promise<Watched> {
  const watched = watch(options);
  const outcome = await watched.client.connect({
    token: await cloud.token(),
    frontDoors: [],
    direct: at.url,
  });
  expect(outcome).toEqual({ ok: true, value: 'joined' });
  return watched;
}

const peer = (peerId: string): object => ({
  peer: { peerId, displayName: peerId, role: 'participant', datacenter: 'fra', region: 'eu', producers: [] },
});
const names = ({ client }: Watched): string[] => [...(client.room?.peers.keys() ?? [])];

describe('joining', () => {
  test('asks for the room and both transports in one breath', async () => {
    const fra = await node(scriptRoom);
    const { client } = await joinDirectly(fra);
    expect(fra.lines[0]?.requests.map(({ method }) => method)).toEqual([
      'join',
      'createTransport',
      'createTransport',
    ]);
    expect(client.status).toBe('joined');
    expect(client.seat).toMatchObject({ node: 'node-fra', datacenter: 'fra', region: 'eu', url: fra.url });
  });

  test('keeps what is told in the same breath as the join in order', async () => {
    const fra = await node((line) => {
      scriptRoom(line);
      line.answer('join', () => {
        // The response goes out after this returns; both arrive in one read.
        setImmediate(() => {
          for (const id of ['bea', 'cid']) line.notify('peerJoined', peer(id));
          line.notify('peerLeft', { peerId: 'bea', reason: 'left' });
        });
        return { state: 'joined', ...joinedOf() };
      });
    });
    const watched = await joinDirectly(fra);
    await waitFor('the notifications', () => names(watched).length === 1);
    expect(names(watched)).toEqual(['cid']);
  });

  test('waits before the door, and opens its transports when a host admits it', async () => {
    const fra = await node((line) => {
      line.answer('join', () => ({ state: 'waiting', peerId: 'me' }));
      line.fail('createTransport', { code: 'not_joined' });
    });
    const watched = watch();
    const outcome = await watched.client.connect({
      token: await cloud.token(),
      frontDoors: [],
      direct: fra.url,
    });
    expect(outcome).toEqual({ ok: true, value: 'waiting' });
    const line = fra.lines[0];
    if (line === undefined) throw new Error('no line');
    scriptRoom(line);
    line.notify('admitted', joinedOf());
    await waitFor('two transports', () => line.requests.length === 5);
    expect(watched.statuses).toEqual(['connecting', 'waiting', 'joined']);
  });

  test('a refusal at the join is a problem, not an exception, and closes the connection', async () => {
    const fra = await node((line) => line.fail('join', { code: 'room_locked', retry: true }));
    const { client, closed } = watch();
    const outcome = await client.connect({ token: await cloud.token(), frontDoors: [], direct: fra.url });
    expect(outcome).toMatchObject({ ok: false, problem: { code: 'room_locked', retry: true } });
    expect(closed).toHaveLength(1);
    expect(client.status).toBe('closed');
  });

  test('asks for a fresh token when the one at hand has expired', async () => {
    const fresh = await cloud.token();
    const fra = await node(scriptRoom);
    const watched = watch({ refreshToken: async () => fresh });
    const token = await cloud.token({ exp: Math.floor(Date.now() / 1000) - 10 });
    const outcome = await watched.client.connect({ token, frontDoors: [], direct: fra.url });
    expect(outcome.ok).toBe(true);
    expect(fra.lines[0]?.bearer).toBe(fresh);
  });

  test('hands a fresh token over in a long call', async () => {
    const fra = await node(scriptRoom);
    const fresh = await cloud.token();
    await joinDirectly(fra, { refreshToken: async () => fresh });
    fra.lines[0]?.answer('refreshToken', () => ({ expiresAt: 1 }));
    fra.lines[0]?.notify('tokenExpiring', { expiresAt: 1 });
    await waitFor('the refresh', () =>
      fra.lines[0]?.requests.some(({ method }) => method === 'refreshToken'),
    );
    expect(fra.lines[0]?.requests.at(-1)).toMatchObject({ data: { token: fresh } });
  });
});

describe('a lost socket', () => {
  test('is resumed at the same node with the resume token, and what was missed is told', async () => {
    const fra = await node((line) => {
      scriptRoom(line);
      line.answer('resume', () => {
        setImmediate(() => line.notify('peerJoined', peer('cid'), 2));
        return { mode: 'replayed', resumeToken: 'r1.second', missed: 1 };
      });
    });
    const watched = await joinDirectly(fra);
    fra.lines[0]?.notify('peerJoined', peer('bea'));
    await waitFor('the first peer', () => names(watched).length === 1);
    fra.lines[0]?.cut();
    await waitFor('what was missed', () => names(watched).length === 2);
    expect(names(watched)).toEqual(['bea', 'cid']);
    expect(watched.statuses).toEqual(['connecting', 'joined', 'resuming', 'joined']);
    expect(fra.lines[1]?.bearer).toBe('r1.first');
    expect(fra.lines[1]?.requests[0]).toMatchObject({ method: 'resume', data: { lastSeq: 1 } });

    fra.lines[1]?.cut();
    await waitFor('the second resume', () => fra.lines.length === 3);
    expect(fra.lines[2]?.bearer).toBe('r1.second');
  });

  test('is resumed with a fresh token where the one that the node knows has run out', async () => {
    const fra = await node((line) => {
      scriptRoom(line);
      line.answer('resume', () => ({ mode: 'replayed', resumeToken: `r1.after-${line.n}`, missed: 0 }));
    });
    const fresh = await cloud.token();
    const watched = watch({ refreshToken: async () => fresh });
    // Good enough to join with, and run out by the time of the resume (a client renews 5 s before `exp`).
    const token = await cloud.token({ exp: Math.floor(Date.now() / 1000) + 7 });
    await watched.client.connect({ token, frontDoors: [], direct: fra.url });
    vi.setSystemTime(Date.now() + 3000);
    for (const n of [1, 2]) {
      fra.lines[n - 1]?.cut();
      await waitFor('the resume', () => watched.statuses.filter((status) => status === 'joined').length > n);
    }
    expect(fra.lines[1]?.requests[0]).toMatchObject({ method: 'resume', data: { lastSeq: 0, token: fresh } });
    // The node knows it by now.
    expect(fra.lines[2]?.requests[0]?.data).toEqual({ lastSeq: 0 });
  });

  test('takes the state afresh where too much was missed', async () => {
    const fra = await node((line) => {
      scriptRoom(line);
      line.answer('resume', () => {
        setImmediate(() => line.notify('peerJoined', peer('dan'), 900));
        const joined = joinedOf({ resumeToken: 'r1.second' });
        return { mode: 'fresh', resumeToken: 'r1.second', joined };
      });
    });
    const watched = await joinDirectly(fra);
    fra.lines[0]?.notify('peerJoined', peer('bea'));
    await waitFor('the first peer', () => names(watched).length === 1);
    fra.lines[0]?.cut();
    await waitFor('the state afresh', () => names(watched).includes('dan'));
    expect(names(watched)).toEqual(['dan']);
    expect(watched.client.status).toBe('joined');
  });

  test('is tried again and again, with growing pauses, while the node says to come back', async () => {
    const tries: number[] = [];
    const fra = await node(
      (line) => {
        scriptRoom(line);
        line.answer('resume', () => ({ mode: 'replayed', resumeToken: 'r1.second', missed: 0 }));
      },
      {
        refuse: (bearer) => {
          if (!bearer.startsWith('r1.')) return null;
          tries.push(performance.now());
          return tries.length <= 4 ? { status: 503, body: refusalOf('not_ready', 503, true) } : null;
        },
      },
    );
    const watched = await joinDirectly(fra);
    fra.lines[0]?.cut();
    await waitFor('the resume', () => watched.statuses.length === 4);
    expect(tries).toHaveLength(5);
    const pauses = tries.slice(1).map((at, index) => at - (tries[index] ?? 0));
    expect(pauses[3]).toBeGreaterThan((pauses[0] ?? 0) * 2);
  });

  test('a gap in the numbers is asked for again', async () => {
    const fra = await node((line) => {
      scriptRoom(line);
      line.answer('resume', () => {
        setImmediate(() => line.notify('peerJoined', peer('bea'), 1));
        return { mode: 'replayed', resumeToken: 'r1.second', missed: 1 };
      });
    });
    const watched = await joinDirectly(fra);
    fra.lines[0]?.notify('peerJoined', peer('cid'), 2);
    await waitFor('the missing peer', () => names(watched).includes('bea'));
    expect(fra.lines[1]?.requests[0]).toMatchObject({ method: 'resume', data: { lastSeq: 0 } });
  });

  test('a request made meanwhile waits for the new socket; one on its way is repeated by its id', async () => {
    const fra = await node((line) => {
      scriptRoom(line);
      line.answer('resume', () => ({ mode: 'replayed', resumeToken: `r1.after-${line.n}`, missed: 0 }));
      if (line.n === 3) line.answer('sendChat', (data) => ({ messageId: JSON.stringify(data), at: 1 }));
    });
    const { client, statuses } = await joinDirectly(fra);
    const asked = (n: number) =>
      (fra.lines[n]?.requests ?? []).filter(({ method }) => method === 'sendChat' || method === 'resume');
    const first = client.sendChat('one');
    await waitFor('the request', () => asked(0).length === 1);
    fra.lines[0]?.cut();
    await waitFor('the loss', () => statuses.includes('resuming'));
    const second = client.sendChat('two');
    await waitFor('the first repetition', () => asked(1).length > 1);
    fra.lines[1]?.cut();
    expect(await first).toEqual({ ok: true, value: { messageId: '{"text":"one"}', at: 1 } });
    expect(await second).toEqual({ ok: true, value: { messageId: '{"text":"two"}', at: 1 } });
    const [once, again, third] = [asked(0)[0], asked(1)[1], asked(2)[1]];
    expect(again).toEqual(once);
    expect(third).toEqual(once);
    // Ids are used once in a session, except to repeat.
    const used = [...asked(1), ...asked(2)].filter(({ id }) => id !== once?.id).map(({ id }) => id);
    expect(Math.min(...used)).toBeGreaterThan(once?.id ?? 0);
  });

  test('requests that nobody will answer fail when the session is gone', async () => {
    const gone = { status: 401, body: refusalOf('resume_invalid', 401, false) };
    const fra = await node(scriptRoom, { refuse: (bearer) => (bearer.startsWith('r1.') ? gone : null) });
    const { client } = await joinDirectly(fra);
    const chat = client.sendChat('one');
    await waitFor('the request', () => fra.lines[0]?.requests.some(({ method }) => method === 'sendChat'));
    fra.lines[0]?.cut();
    expect(await chat).toMatchObject({ ok: false, problem: { code: 'connection_lost' } });
  });

  test('a microphone whose answer was lost is published once', async () => {
    const codec = { kind: 'audio', mimeType: 'audio/opus', preferredPayloadType: 100, clockRate: 48_000 };
    const codecs = [{ ...codec, channels: 2, parameters: {}, rtcpFeedback: [] }];
    const fra = await node(
      (line) => {
        scriptRoom(line);
        line.answer('resume', () => ({ mode: 'replayed', resumeToken: 'r1.second', missed: 0 }));
        for (const method of ['connectTransport', 'restartIce']) line.answer(method, () => ({}));
        line.answer('getStats', () => ({ stats: [] }));
        if (line.n > 1) line.answer('produce', () => ({ producerId: 'p1' }));
      },
      { codecs },
    );
    const { client } = await joinDirectly(fra);
    const produced = (n: number) =>
      (fra.lines[n]?.requests ?? []).filter(({ method }) => method === 'produce');
    const publishing = client.publish(new SyntheticTrack({ kind: 'audio' }), { source: 'microphone' });
    await waitFor('the request', () => produced(0).length === 1);
    fra.lines[0]?.cut();
    expect(await publishing).toMatchObject({ ok: true });
    await waitFor('the producer', () => client.publications[0]?.producerId === 'p1');
    // This transport never connects, so that another takes its place: on each it is asked for once.
    expect(produced(1)[0]).toEqual(produced(0)[0]);
    const transports = produced(1).map(({ data }) => z.object({ transportId: z.string() }).parse(data));
    expect(new Set(transports.map(({ transportId }) => transportId)).size).toBe(transports.length);
  });
});

describe('media', () => {
  const asked = (line: Line | undefined): unknown[] =>
    (line?.requests ?? []).filter(({ method }) => method === 'createTransport').map(({ data }) => data);

  test('is made anew when the node says that it is gone', async () => {
    const fra = await node(scriptRoom);
    const { statuses } = await joinDirectly(fra);
    fra.lines[0]?.notify('mediaReset', { reason: 'worker_died' });
    await waitFor('new transports', () => asked(fra.lines[0]).length === 4);
    expect(asked(fra.lines[0]).slice(2)).toEqual([{ direction: 'send' }, { direction: 'receive' }]);
    expect(statuses).toEqual(['connecting', 'joined']);
  });

  test('of one direction is made anew when its transport is gone', async () => {
    const fra = await node((line) => {
      scriptRoom(line);
      line.answer('createTransport', (data) => transportOf(JSON.stringify(data)));
    });
    await joinDirectly(fra);
    fra.lines[0]?.notify('transportClosed', { transportId: JSON.stringify({ direction: 'receive' }) });
    await waitFor('a new transport', () => asked(fra.lines[0]).length === 3);
    expect(asked(fra.lines[0])[2]).toEqual({ direction: 'receive' });
  });

  test('that cannot be made within the session is made in a new one', async () => {
    const fra = await node(scriptRoom);
    const watched = await joinDirectly(fra);
    fra.lines[0]?.fail('createTransport', { code: 'too_many_transports' });
    fra.lines[0]?.notify('mediaReset', { reason: 'moved' });
    await waitFor('the new session', () => fra.lines.length === 2 && watched.client.status === 'joined');
    expect(watched.problems).toEqual(['too_many_transports']);
  });
});

test('no more requests are in flight than a node takes; the others wait for their turn', async () => {
  const fra = await node(scriptRoom);
  const { client } = await joinDirectly(fra);
  const line = fra.lines[0];
  const outcomes = Array.from({ length: 60 }, (_, n) => client.setConsumerPriority(`consumer-${n}`, 1));
  const open = (): number =>
    line?.requests.filter(({ method }) => method === 'setConsumerPriority').length ?? 0;
  await waitFor('the first of them', () => open() === 24);
  line?.answer('setConsumerPriority', () => ({}));
  for (const { id, method } of [...(line?.requests ?? [])]) {
    if (method === 'setConsumerPriority')
      line?.send(JSON.stringify({ type: 'response', id, ok: true, data: {} }));
  }
  expect((await Promise.all(outcomes)).every(({ ok }) => ok)).toBe(true);
  expect(open()).toBe(60);
});

describe('a session that is gone', () => {
  test('is joined anew from the directory, with the join token', async () => {
    const fra = await node(scriptRoom, {
      refuse: (bearer) =>
        bearer.startsWith('r1.') ? { status: 401, body: refusalOf('resume_invalid', 401, false) } : null,
    });
    const watched = await joinDirectly(fra);
    const token = fra.lines[0]?.bearer;
    fra.lines[0]?.cut();
    await waitFor('the new session', () => fra.lines.length === 2 && watched.client.status === 'joined');
    expect(fra.lines[1]?.bearer).toBe(token);
    expect(watched.statuses).toEqual(['connecting', 'joined', 'resuming', 'rejoining', 'joined']);
    expect(watched.problems).toEqual(['resume_invalid']);
  });

  test('goes on at the next datacenter when its node is gone', async () => {
    const fra = await node(scriptRoom, { datacenter: 'fra' });
    const ams = await node(scriptRoom, { datacenter: 'ams' });
    const door = await startScriptedNode({
      http: async (path) =>
        path === '/v1/keys'
          ? { status: 200, body: { cloud: 'commercial', keys: cloud.keys } }
          : { status: 200, body: await cloud.sign({ primaries: [fra.entry, ams.entry] }) },
    });
    started.push(door);
    const watched = watch();
    await watched.client.connect({ token: await cloud.token(), frontDoors: [door.url] });
    expect(watched.client.seat?.datacenter).toBe('fra');
    await fra.close();
    await waitFor('the other datacenter', () => watched.client.seat?.datacenter === 'ams', 25_000);
    expect(watched.statuses).toEqual(['connecting', 'joined', 'resuming', 'rejoining', 'joined']);
  });

  test.each([
    ['bye', { code: 'removed', message: 'x', retry: false }, 4410],
    ['bye', { code: 'room_ended', message: 'x', retry: false }, 4410],
    ['refused', refusalOf('narrowing_empty', 403, false), 4403],
  ] as const)('ends for good after %s %o', async (event, data, close) => {
    const fra = await node(scriptRoom);
    const { client, closed } = await joinDirectly(fra);
    fra.lines[0]?.notify(event, data, event === 'bye' ? 1 : 0);
    fra.lines[0]?.close(close);
    await waitFor('the end', () => closed.length === 1);
    expect(closed[0]?.code).toBe('code' in data ? data.code : undefined);
    expect(client.status).toBe('closed');
    expect(fra.lines).toHaveLength(1);
  });

  test('does not come back for ever to a node that keeps sending it away', async () => {
    const fra = await node((line) => {
      scriptRoom(line);
      line.answer('createTransport', () => {
        line.notify('bye', { code: 'draining', message: 'x', retry: true }, 0);
        line.close(4503);
        return {};
      });
    });
    const { client, closed } = watch({ rejoinSeconds: 2 });
    const outcome = await client.connect({ token: await cloud.token(), frontDoors: [], direct: fra.url });
    if (outcome.ok) await waitFor('the end', () => closed.length === 1);
    expect(closed).toHaveLength(1);
    expect(client.status).toBe('closed');
  });

  test('leave says so, stops at once and tells nothing more', async () => {
    const fra = await node(scriptRoom);
    const { client, closed, statuses } = await joinDirectly(fra);
    await client.leave();
    expect(fra.lines[0]?.requests.at(-1)?.method).toBe('leave');
    expect(closed).toEqual([null]);
    expect(statuses.at(-1)).toBe('closed');
    expect(await client.sendChat('too late')).toMatchObject({
      ok: false,
      problem: { code: 'not_connected' },
    });
  });

  test('a front door that is gone is a problem, not an exception', async () => {
    const { client, closed } = watch();
    const frontDoors = [`http://127.0.0.1:${await freePort()}`];
    const outcome = await client.connect({ token: await cloud.token(), frontDoors });
    expect(outcome).toMatchObject({ ok: false, problem: { code: 'directory_unreachable', retry: true } });
    expect(closed).toHaveLength(1);
    expect(await client.connect({ token: 'no token', frontDoors })).toMatchObject({
      ok: false,
      problem: { code: 'token_unreadable' },
    });
  });
});
