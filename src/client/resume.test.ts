import { afterEach, describe, expect, test, vi } from 'vitest';
import { z } from 'zod';
import { SyntheticTrack } from '../../loadtest/participant/synthetic-track.ts';
import { waitFor } from '../testing/wait.ts';
import { refusalOf, welcomeOf } from './testing/scripted-node.ts';
import { joinedOf, scriptRoom } from './testing/scripted-room.ts';
import { others, peerJoined, Stage } from './testing/stage.ts';

const stage = new Stage();

afterEach(async () => {
  vi.useRealTimers();
  await stage.clear();
});

describe('a lost socket', () => {
  test('is resumed at the same node with the resume token, and what was missed is told', async () => {
    const fra = await stage.node((line) => {
      scriptRoom(line);
      line.answer('resume', () => {
        setImmediate(() => line.notify('peerJoined', peerJoined('cid'), 2));
        return { mode: 'replayed', resumeToken: 'r1.second', missed: 1 };
      });
    });
    const watched = await stage.joinDirectly(fra);
    fra.lines[0]?.notify('peerJoined', peerJoined('bea'));
    await waitFor('the first peer', () => others(watched).length === 1);
    fra.lines[0]?.cut();
    await waitFor('what was missed', () => others(watched).length === 2);
    expect(others(watched)).toEqual(['bea', 'cid']);
    expect(watched.statuses).toEqual(['connecting', 'joined', 'resuming', 'joined']);
    expect(fra.lines[1]?.bearer).toBe('r1.first');
    expect(fra.lines[1]?.requests[0]).toMatchObject({ method: 'resume', data: { lastSeq: 1 } });

    fra.lines[1]?.cut();
    await waitFor('the second resume', () => fra.lines.length === 3);
    expect(fra.lines[2]?.bearer).toBe('r1.second');
  });

  test('is resumed with a fresh token where the one that the node knows has run out', async () => {
    const fra = await stage.node((line) => {
      scriptRoom(line);
      line.answer('resume', () => ({ mode: 'replayed', resumeToken: `r1.after-${line.n}`, missed: 0 }));
    });
    const fresh = await stage.token();
    const watched = stage.watch({ refreshToken: async () => fresh });
    // Good enough to join with, and run out by the time of the resume (a client renews 5 s before `exp`).
    const token = await stage.token({ exp: Math.floor(Date.now() / 1000) + 7 });
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
    const fra = await stage.node((line) => {
      scriptRoom(line);
      line.answer('resume', () => {
        setImmediate(() => line.notify('peerJoined', peerJoined('dan'), 900));
        const joined = joinedOf({ resumeToken: 'r1.second' });
        return { mode: 'fresh', resumeToken: 'r1.second', joined };
      });
    });
    const watched = await stage.joinDirectly(fra);
    fra.lines[0]?.notify('peerJoined', peerJoined('bea'));
    await waitFor('the first peer', () => others(watched).length === 1);
    fra.lines[0]?.cut();
    await waitFor('the state afresh', () => others(watched).includes('dan'));
    expect(others(watched)).toEqual(['dan']);
    expect(watched.client.status).toBe('joined');
  });

  test('is tried again and again, with growing pauses, while the node says to come back', async () => {
    const tries: number[] = [];
    const fra = await stage.node(
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
    const watched = await stage.joinDirectly(fra);
    fra.lines[0]?.cut();
    await waitFor('the resume', () => watched.statuses.length === 4);
    expect(tries).toHaveLength(5);
    const pauses = tries.slice(1).map((at, index) => at - (tries[index] ?? 0));
    expect(pauses[3]).toBeGreaterThan((pauses[0] ?? 0) * 2);
  });

  test('is tried again with the same token where the answer was lost with the socket', async () => {
    const fra = await stage.node((line) => {
      scriptRoom(line);
      line.answer('resume', () => {
        if (line.n === 2) line.cut();
        return { mode: 'replayed', resumeToken: `r1.after-${line.n}`, missed: 0 };
      });
    });
    const watched = await stage.joinDirectly(fra);
    fra.lines[0]?.cut();
    await waitFor('the resume', () => watched.statuses.length === 4);
    expect(watched.statuses).toEqual(['connecting', 'joined', 'resuming', 'joined']);
    expect(fra.lines.map(({ bearer }) => bearer).slice(1)).toEqual(['r1.first', 'r1.first']);
    // The old token is spent as soon as the node hears that the new one has come.
    await waitFor('a sign of life', () => fra.lines[2]?.requests[1]?.method === 'ping');
  });

  test('is resumed again later, whatever a try before this one was refused with', async () => {
    const fra = await stage.node(
      (line) => {
        scriptRoom(line);
        line.answer('resume', () => ({ mode: 'replayed', resumeToken: `r1.after-${line.n}`, missed: 0 }));
      },
      {
        open: (line) => {
          if (line.n === 2) {
            line.notify('refused', refusalOf('not_ready', 503, true));
            line.close(4403);
          } else line.notify('welcome', welcomeOf('fra', 'eu'));
        },
      },
    );
    const watched = await stage.joinDirectly(fra);
    fra.lines[0]?.cut();
    await waitFor('the resume', () => watched.statuses.length === 4);
    fra.lines[2]?.cut();
    await waitFor('the second one', () => watched.statuses.length === 6);
    expect(fra.lines.map(({ bearer }) => bearer).slice(1)).toEqual(['r1.first', 'r1.first', 'r1.after-3']);
  });

  test('is tried once more where the network came back for a front door and the node alike', async () => {
    // What a cut of everything ends with, in its worst order: a front door is reached before the node.
    let isCut = false;
    const fra = await stage.node(
      (line) => {
        scriptRoom(line);
        line.answer('resume', () => ({ mode: 'replayed', resumeToken: 'r1.second', missed: 0 }));
      },
      { refuse: () => (isCut ? 'break' : null) },
    );
    const ams = await stage.node(scriptRoom, { datacenter: 'ams' });
    const door = await stage.frontDoor([fra, ams], () => {
      isCut = false;
    });
    const watched = stage.watch();
    await watched.client.connect({ token: await stage.token(), frontDoors: [door.url] });
    isCut = true;
    fra.lines[0]?.cut();
    await waitFor('the session', () => watched.statuses.length === 4);
    expect(watched.statuses).toEqual(['connecting', 'joined', 'resuming', 'joined']);
    expect(watched.client.seat?.datacenter).toBe('fra');
  });

  test('is over for this node where it says so instead of an answer', async () => {
    const fra = await stage.node((line) => {
      scriptRoom(line);
      line.answer('resume', () => {
        line.notify('refused', refusalOf('resume_invalid', 401, false));
        line.close(4401);
        return {};
      });
    });
    await stage.joinDirectly(fra);
    fra.lines[0]?.cut();
    await waitFor('the next join', () => fra.lines.length === 3);
    expect(fra.lines[2]?.bearer).not.toMatch(/^r1\./);
  });

  test('a gap in the numbers is asked for again', async () => {
    const fra = await stage.node((line) => {
      scriptRoom(line);
      line.answer('resume', () => {
        setImmediate(() => line.notify('peerJoined', peerJoined('bea'), 1));
        return { mode: 'replayed', resumeToken: 'r1.second', missed: 1 };
      });
    });
    const watched = await stage.joinDirectly(fra);
    fra.lines[0]?.notify('peerJoined', peerJoined('cid'), 2);
    await waitFor('the missing peer', () => others(watched).includes('bea'));
    expect(fra.lines[1]?.requests[0]).toMatchObject({ method: 'resume', data: { lastSeq: 0 } });
  });

  test('a request made meanwhile waits for the new socket; one on its way is repeated by its id', async () => {
    const fra = await stage.node((line) => {
      scriptRoom(line);
      line.answer('resume', () => ({ mode: 'replayed', resumeToken: `r1.after-${line.n}`, missed: 0 }));
      if (line.n === 3) line.answer('sendChat', (data) => ({ messageId: JSON.stringify(data), at: 1 }));
    });
    const { client, statuses } = await stage.joinDirectly(fra);
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
    const fra = await stage.node(scriptRoom, {
      refuse: (bearer) => (bearer.startsWith('r1.') ? gone : null),
    });
    const { client } = await stage.joinDirectly(fra);
    const chat = client.sendChat('one');
    await waitFor('the request', () => fra.lines[0]?.requests.some(({ method }) => method === 'sendChat'));
    fra.lines[0]?.cut();
    expect(await chat).toMatchObject({ ok: false, problem: { code: 'connection_lost' } });
  });

  test('a microphone whose answer was lost is published once', async () => {
    const codec = { kind: 'audio', mimeType: 'audio/opus', preferredPayloadType: 100, clockRate: 48_000 };
    const codecs = [{ ...codec, channels: 2, parameters: {}, rtcpFeedback: [] }];
    const fra = await stage.node(
      (line) => {
        scriptRoom(line);
        line.answer('resume', () => ({ mode: 'replayed', resumeToken: 'r1.second', missed: 0 }));
        for (const method of ['connectTransport', 'restartIce']) line.answer(method, () => ({}));
        line.answer('getStats', () => ({ stats: [] }));
        if (line.n > 1) line.answer('produce', () => ({ producerId: 'p1' }));
      },
      { codecs },
    );
    const { client } = await stage.joinDirectly(fra);
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
