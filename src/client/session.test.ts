import { afterEach, describe, expect, test, vi } from 'vitest';
import { SyntheticTrack } from '../../loadtest/participant/synthetic-track.ts';
import { freePort } from '../testing/free-port.ts';
import { waitFor } from '../testing/wait.ts';
import { type Line, refusalOf } from './testing/scripted-node.ts';
import { joinedOf, scriptRoom, transportOf } from './testing/scripted-room.ts';
import { others, peerJoined, Stage } from './testing/stage.ts';

const stage = new Stage();

afterEach(async () => {
  await stage.clear();
});

describe('joining', () => {
  test('asks for the room and both transports in one breath', async () => {
    const fra = await stage.node(scriptRoom);
    const { client } = await stage.joinDirectly(fra);
    expect(fra.lines[0]?.requests.map(({ method }) => method)).toEqual([
      'join',
      'createTransport',
      'createTransport',
    ]);
    expect(client.status).toBe('joined');
    expect(client.seat).toMatchObject({ node: 'node-fra', datacenter: 'fra', region: 'eu', url: fra.url });
  });

  test('keeps what is told in the same breath as the join in order', async () => {
    const fra = await stage.node((line) => {
      scriptRoom(line);
      line.answer('join', () => {
        // The response goes out after this returns; both arrive in one read.
        setImmediate(() => {
          for (const id of ['bea', 'cid']) line.notify('peerJoined', peerJoined(id));
          line.notify('peerLeft', { peerId: 'bea', reason: 'left' });
        });
        return { state: 'joined', ...joinedOf() };
      });
    });
    const watched = await stage.joinDirectly(fra);
    await waitFor('the notifications', () => others(watched).length === 1);
    expect(others(watched)).toEqual(['cid']);
  });

  test('waits before the door, and opens its transports when a host admits it', async () => {
    const fra = await stage.node((line) => {
      line.answer('join', () => ({ state: 'waiting', peerId: 'me' }));
      line.fail('createTransport', { code: 'not_joined' });
    });
    const watched = stage.watch();
    const outcome = await watched.client.connect({
      token: await stage.token(),
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

  test('asks for signs of life while it waits', async () => {
    vi.useFakeTimers({ toFake: ['setInterval', 'clearInterval'] });
    try {
      const fra = await stage.node((line) => {
        line.answer('join', () => ({ state: 'waiting', peerId: 'me' }));
        line.fail('createTransport', { code: 'not_joined' });
      });
      const { client } = stage.watch();
      await client.connect({ token: await stage.token(), frontDoors: [], direct: fra.url });
      vi.advanceTimersByTime(10_000);
      await waitFor('a sign of life', () => fra.lines[0]?.requests.some(({ method }) => method === 'ping'));
    } finally {
      vi.useRealTimers();
    }
  });

  test("what is published after the end is refused, and stays the application's to stop", async () => {
    const fra = await stage.node(scriptRoom);
    const { client } = await stage.joinDirectly(fra);
    await client.leave();
    const track = new SyntheticTrack({ kind: 'video' });
    const published = await client.publish(track, { source: 'screen' });
    expect(published).toMatchObject({ ok: false, problem: { code: 'not_connected' } });
    expect(client.publications).toEqual([]);
  });

  test('a refusal at the join is a problem, not an exception, and closes the connection', async () => {
    const fra = await stage.node((line) => line.fail('join', { code: 'room_locked', retry: true }));
    const { client, closed } = stage.watch();
    const outcome = await client.connect({ token: await stage.token(), frontDoors: [], direct: fra.url });
    expect(outcome).toMatchObject({ ok: false, problem: { code: 'room_locked', retry: true } });
    expect(closed).toHaveLength(1);
    expect(client.status).toBe('closed');
  });

  test('of calls at once the last one counts', async () => {
    const fra = await stage.node(scriptRoom);
    const { client } = stage.watch();
    const options = { token: await stage.token(), frontDoors: [], direct: fra.url };
    const closed = { ok: false, problem: { code: 'closed' } };
    const [first, second] = await Promise.all([client.connect(options), client.connect(options)]);
    expect(first).toMatchObject(closed);
    expect(second).toEqual({ ok: true, value: 'joined' });
    expect(fra.lines).toHaveLength(1);
    const [third] = await Promise.all([client.connect(options), client.leave()]);
    expect(third).toMatchObject(closed);
    expect(client.status).toBe('closed');
    expect(fra.lines).toHaveLength(1);
  });

  test('asks for a fresh token when the one at hand has expired', async () => {
    const fresh = await stage.token();
    const fra = await stage.node(scriptRoom);
    const watched = stage.watch({ refreshToken: async () => fresh });
    const token = await stage.token({ exp: Math.floor(Date.now() / 1000) - 10 });
    const outcome = await watched.client.connect({ token, frontDoors: [], direct: fra.url });
    expect(outcome.ok).toBe(true);
    expect(fra.lines[0]?.bearer).toBe(fresh);
  });

  test('hands a fresh token over in a long call', async () => {
    const fra = await stage.node(scriptRoom);
    const fresh = await stage.token();
    await stage.joinDirectly(fra, { refreshToken: async () => fresh });
    fra.lines[0]?.answer('refreshToken', () => ({ expiresAt: 1 }));
    fra.lines[0]?.notify('tokenExpiring', { expiresAt: 1 });
    await waitFor('the refresh', () =>
      fra.lines[0]?.requests.some(({ method }) => method === 'refreshToken'),
    );
    expect(fra.lines[0]?.requests.at(-1)).toMatchObject({ data: { token: fresh } });
  });
});

describe('media', () => {
  const asked = (line: Line | undefined): unknown[] =>
    (line?.requests ?? []).filter(({ method }) => method === 'createTransport').map(({ data }) => data);

  test('is made anew when the node says that it is gone', async () => {
    const fra = await stage.node(scriptRoom);
    const { statuses } = await stage.joinDirectly(fra);
    fra.lines[0]?.notify('mediaReset', { reason: 'worker_died' });
    await waitFor('new transports', () => asked(fra.lines[0]).length === 4);
    expect(asked(fra.lines[0]).slice(2)).toEqual([{ direction: 'send' }, { direction: 'receive' }]);
    expect(statuses).toEqual(['connecting', 'joined']);
  });

  test('of one direction is made anew when its transport is gone', async () => {
    const fra = await stage.node((line) => {
      scriptRoom(line);
      line.answer('createTransport', (data) => transportOf(JSON.stringify(data)));
    });
    await stage.joinDirectly(fra);
    fra.lines[0]?.notify('transportClosed', { transportId: JSON.stringify({ direction: 'receive' }) });
    await waitFor('a new transport', () => asked(fra.lines[0]).length === 3);
    expect(asked(fra.lines[0])[2]).toEqual({ direction: 'receive' });
  });

  test('that cannot be made within the session is made in a new one', async () => {
    const fra = await stage.node(scriptRoom);
    const watched = await stage.joinDirectly(fra);
    fra.lines[0]?.fail('createTransport', { code: 'too_many_transports' });
    fra.lines[0]?.notify('mediaReset', { reason: 'moved' });
    await waitFor('the new session', () => fra.lines.length === 2 && watched.client.status === 'joined');
    expect(watched.problems).toEqual(['too_many_transports']);
  });
});

test('no more requests are in flight than a node takes; the others wait for their turn', async () => {
  const fra = await stage.node(scriptRoom);
  const { client } = await stage.joinDirectly(fra);
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
    const fra = await stage.node(scriptRoom, {
      refuse: (bearer) =>
        bearer.startsWith('r1.') ? { status: 401, body: refusalOf('resume_invalid', 401, false) } : null,
    });
    const watched = await stage.joinDirectly(fra);
    const token = fra.lines[0]?.bearer;
    fra.lines[0]?.cut();
    await waitFor('the new session', () => fra.lines.length === 2 && watched.client.status === 'joined');
    expect(fra.lines[1]?.bearer).toBe(token);
    expect(watched.statuses).toEqual(['connecting', 'joined', 'resuming', 'rejoining', 'joined']);
    expect(watched.problems).toEqual(['resume_invalid']);
  });

  test('goes on at the next datacenter when its node is gone', async () => {
    const fra = await stage.node(scriptRoom, { datacenter: 'fra' });
    const ams = await stage.node(scriptRoom, { datacenter: 'ams' });
    const door = await stage.frontDoor([fra, ams]);
    const watched = stage.watch();
    await watched.client.connect({ token: await stage.token(), frontDoors: [door.url] });
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
    const fra = await stage.node(scriptRoom);
    const { client, closed } = await stage.joinDirectly(fra);
    fra.lines[0]?.notify(event, data, event === 'bye' ? 1 : 0);
    fra.lines[0]?.close(close);
    await waitFor('the end', () => closed.length === 1);
    expect(closed[0]?.code).toBe('code' in data ? data.code : undefined);
    expect(client.status).toBe('closed');
    expect(fra.lines).toHaveLength(1);
  });

  test('does not come back for ever to a node that keeps sending it away', async () => {
    const fra = await stage.node((line) => {
      scriptRoom(line);
      line.answer('createTransport', () => {
        line.notify('bye', { code: 'draining', message: 'x', retry: true }, 0);
        line.close(4503);
        return {};
      });
    });
    const { client, closed } = stage.watch({ rejoinSeconds: 2 });
    const outcome = await client.connect({ token: await stage.token(), frontDoors: [], direct: fra.url });
    if (outcome.ok) await waitFor('the end', () => closed.length === 1);
    expect(closed).toHaveLength(1);
    expect(client.status).toBe('closed');
  });

  test('leave says so, stops at once and tells nothing more', async () => {
    const fra = await stage.node(scriptRoom);
    const { client, closed, statuses } = await stage.joinDirectly(fra);
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
    const { client, closed } = stage.watch();
    const frontDoors = [`http://127.0.0.1:${await freePort()}`];
    const outcome = await client.connect({ token: await stage.token(), frontDoors });
    expect(outcome).toMatchObject({ ok: false, problem: { code: 'directory_unreachable', retry: true } });
    expect(closed).toHaveLength(1);
    expect(await client.connect({ token: 'no token', frontDoors })).toMatchObject({
      ok: false,
      problem: { code: 'token_unreadable' },
    });
  });
});
