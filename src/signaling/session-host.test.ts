import { afterEach, describe, expect, it } from 'vitest';
import { admitted, policyRedirect, policyRefusal } from '../rooms/testing/fake-admission.ts';
import { HostFixture, type HostFixtureOptions } from './testing/host-fixture.ts';
import { eventually } from './testing/test-client.ts';

const CAPABILITIES = { rtpCapabilities: { codecs: [] } };

let fixture: HostFixture;
async function start(options: HostFixtureOptions = {}): Promise<HostFixture> {
  fixture = await new HostFixture(options).start();
  return fixture;
}
afterEach(async () => {
  await fixture.close();
});

describe('at join', () => {
  it.each([
    ['refused', { kind: 'refuse', refusal: policyRefusal('region_conflict') }],
    ['redirect', { kind: 'redirect', redirect: policyRedirect() }],
  ] as const)('says %s and closes, with nothing created and no secret sent', async (event, verdict) => {
    await start();
    fixture.admission.verdict = () => verdict;
    const client = await fixture.connect();
    client.send('join', CAPABILITIES);
    client.send('createTransport', { direction: 'send' });
    expect(await client.closed()).toBe(4403);
    expect(client.frames.map((frame) => (frame.type === 'response' ? 'response' : frame.event))).toEqual([
      'welcome',
      event,
    ]);
    expect(JSON.stringify(client.frames)).not.toMatch(/ice-password|usernameFragment|fingerprint/);
    expect(fixture.admission.asked).toEqual([{ step: 'join' }]);
    expect(fixture.engine.calls).toEqual([]);
    expect(fixture.host.stats()).toMatchObject({ sessions: 0, rooms: 0, resumeTokens: 0 });
  });

  it('answers with the error of each limit', async () => {
    await start({ roomLimits: { peersPerRoom: 1, roomsPerNode: 1 } });
    await fixture.join({ room: 'one' });
    const second = await fixture.connect({ room: 'one' });
    await expect(second.request('join', CAPABILITIES)).rejects.toThrow('room_full');
    const third = await fixture.connect({ room: 'two' });
    await expect(third.request('join', CAPABILITIES)).rejects.toThrow('node_full');
    expect(third.closedWith).toBeNull();
  });

  it('can be tried again on the same connection', async () => {
    await start({ roomLimits: { peersPerRoom: 1 } });
    const first = await fixture.join();
    const second = await fixture.connect();
    await expect(second.request('join', CAPABILITIES)).rejects.toThrow('room_full');
    await first.request('leave');
    await expect(second.request('join', CAPABILITIES)).resolves.toMatchObject({ state: 'joined' });
  });
});

describe('going', () => {
  it.each([1000, 1001])('leaves at once with close code %i', async (code) => {
    await start();
    const [ada, bob] = [await fixture.join(), await fixture.join()];
    // ws sends 1001 like any other code that is allowed on the wire.
    bob.socket.close(code);
    expect(await ada.event('peerLeft')).toEqual({ peerId: bob.peerId, reason: 'left' });
  });

  it('answers leave first, then closes with 4000', async () => {
    await start();
    const [ada, bob] = [await fixture.join(), await fixture.join()];
    await expect(bob.request('leave')).resolves.toEqual({});
    expect(await bob.closed()).toBe(4000);
    expect(bob.events).not.toContain('bye');
    expect(await ada.event('peerLeft')).toEqual({ peerId: bob.peerId, reason: 'left' });
  });
});

describe('hosts, over the wire', () => {
  it('are the only ones who may', async () => {
    await start();
    const host = await fixture.join({ role: 'host' });
    const ada = await fixture.join();
    for (const [method, data] of [
      ['mutePeer', { peerId: host.peerId }],
      ['removePeer', { peerId: host.peerId }],
      ['lockRoom', { locked: true }],
      ['endRoom', {}],
      ['admitPeer', { peerId: host.peerId }],
      ['denyPeer', { peerId: host.peerId }],
    ] as const) {
      expect(await ada.response(ada.send(method, data))).toMatchObject({
        ok: false,
        error: { code: 'host_only' },
      });
    }
    await expect(host.request('ping')).resolves.toEqual({});
  });

  it('mute a peer, who is told by whom', async () => {
    await start();
    const host = await fixture.join({ role: 'host' });
    const ada = await fixture.join();
    const { producerId } = await ada.request('produce', {
      transportId: 't1-send',
      kind: 'audio',
      source: 'microphone',
      rtpParameters: {
        codecs: [{ mimeType: 'audio/opus', payloadType: 111, clockRate: 48000, channels: 2 }],
      },
    });
    await host.event('producerAdded');
    await expect(host.request('mutePeer', { peerId: ada.peerId })).resolves.toEqual({});
    expect(await ada.event('muted')).toEqual({ producerId, source: 'microphone', by: host.peerId });
    expect((await host.event('producerUpdated')).producer.paused).toBe(true);
    await expect(ada.request('resumeProducer', { producerId })).resolves.toEqual({});
  });

  it('remove a peer, who is told so and kept out', async () => {
    await start();
    const host = await fixture.join({ role: 'host' });
    const ada = await fixture.join({ sub: 'ada' });
    await host.request('removePeer', { peerId: ada.peerId });
    expect(await ada.closed()).toBe(4410);
    expect(await ada.event('bye')).toMatchObject({ code: 'removed', retry: false });
    expect(fixture.host.findResumable(ada.resumeToken)).toBeUndefined();
    const again = await fixture.connect({ sub: 'ada' });
    await expect(again.request('join', CAPABILITIES)).rejects.toThrow('removed');
  });

  it('lock the room', async () => {
    await start();
    const host = await fixture.join({ role: 'host' });
    await host.request('lockRoom', { locked: true });
    expect((await host.event('roomUpdated')).room.locked).toBe(true);
    const ada = await fixture.connect();
    await expect(ada.request('join', CAPABILITIES)).rejects.toThrow('room_locked');
  });

  it('end the room for everyone, their own response first', async () => {
    await start();
    const host = await fixture.join({ role: 'host' });
    const ada = await fixture.join();
    await expect(host.request('endRoom')).resolves.toEqual({});
    for (const client of [host, ada]) {
      expect(await client.closed()).toBe(4410);
      expect((await client.event('bye')).code).toBe('room_ended');
    }
    await eventually('the end of media', () => fixture.engine.rooms.size === 0);
    expect(fixture.host.stats()).toMatchObject({ sessions: 0, rooms: 0, peers: 0, resumeTokens: 0 });
  });

  it('admit and deny those who wait', async () => {
    await start({ roomLimits: { waitingRoom: true } });
    const ada = await fixture.connect({ name: 'Ada' });
    const waiting = await ada.request('join', CAPABILITIES);
    expect(waiting).toMatchObject({ state: 'waiting' });
    await expect(ada.request('createTransport', { direction: 'send' })).rejects.toThrow('not_joined');
    expect(fixture.engine.calls).toEqual([]);

    const host = await fixture.join({ role: 'host' });
    expect(host.joined).toMatchObject({ waiting: [{ displayName: 'Ada' }] });
    const bob = await fixture.connect({ name: 'Bob' });
    const bobWaits = await bob.request('join', CAPABILITIES);
    await host.event('peerWaiting');

    await host.request('admitPeer', { peerId: waiting.peerId });
    const joined = await ada.event('admitted');
    expect(joined).toMatchObject({ peerId: waiting.peerId, displayName: 'Ada' });
    await expect(ada.request('createTransport', { direction: 'send' })).resolves.toBeDefined();
    expect(fixture.host.findResumable(joined.resumeToken)).toBeDefined();

    await host.request('denyPeer', { peerId: bobWaits.peerId });
    expect(await bob.closed()).toBe(4403);
    expect(await bob.event('refused')).toMatchObject({ code: 'waiting_denied', status: 403 });
  });
});

it('refuses one who waited too long', async () => {
  await start({ roomLimits: { waitingRoom: true, waitingSeconds: 600 } });
  const ada = await fixture.connect();
  await ada.request('join', CAPABILITIES);
  fixture.clock.advance(600_000);
  expect(await ada.closed()).toBe(4403);
  expect((await ada.event('refused')).code).toBe('waiting_timeout');
});

it('ends a room at its maximum duration', async () => {
  await start({ roomLimits: { maxDurationSeconds: 3600 } });
  const ada = await fixture.join();
  fixture.clock.advance(3_600_000);
  expect(await ada.closed()).toBe(4410);
  expect((await ada.event('bye')).code).toBe('room_expired');
});

it('tells a peer whose worker died to make new transports, over the open socket', async () => {
  await start();
  const ada = await fixture.join();
  fixture.engine.room('standup').peer(ada.peerId).emit('reset', { reason: 'worker_died' });
  expect(await ada.event('mediaReset')).toEqual({ reason: 'worker_died' });
  await expect(ada.request('createTransport', { direction: 'send' })).resolves.toBeDefined();
});

it('closes a peer whose media the gate forbids, with bye and 4403', async () => {
  await start();
  const [ada, bob] = [await fixture.join(), await fixture.join()];
  fixture.admission.allowed = () => false;
  ada.send('createTransport', { direction: 'send' });
  expect(await ada.closed()).toBe(4403);
  expect((await ada.event('bye')).code).toBe('region_not_admitted');
  expect(JSON.stringify(ada.frames)).not.toContain('ice-password');
  expect(await bob.event('peerLeft')).toEqual({ peerId: ada.peerId, reason: 'policy' });
});

it('moves peers away at a switch of policy, with the list', async () => {
  await start();
  const ada = await fixture.join();
  fixture.admission.verdict = () => ({ kind: 'redirect', redirect: policyRedirect() });
  await fixture.host.rejudgeAll();
  expect(await ada.closed()).toBe(4403);
  expect((await ada.event('redirect')).list.room).toBe('standup');
});

describe('token expiry', () => {
  const soon = () => Math.floor(fixture.clock.wallMs() / 1000) + 300;

  it('warns, and then ends the session after a grace', async () => {
    await start({ limits: { expiryWarningSeconds: 60, expiryGraceSeconds: 30 } });
    const exp = soon();
    const ada = await fixture.join({ exp });
    fixture.clock.advance(239_000);
    await ada.request('ping');
    expect(ada.events).not.toContain('tokenExpiring');
    fixture.clock.advance(1000);
    expect(await ada.event('tokenExpiring')).toEqual({ expiresAt: exp });
    fixture.clock.advance(89_000);
    await ada.request('ping');
    fixture.clock.advance(1000);
    expect(await ada.closed()).toBe(4401);
    expect((await ada.event('bye')).code).toBe('token_expired');
    expect(fixture.host.stats().sessions).toBe(0);
  });

  it('goes on with a fresh token', async () => {
    await start();
    const ada = await fixture.join({ exp: soon() });
    const exp = soon() + 3600;
    fixture.admission.verdict = (session, change) => ({
      kind: 'admit',
      session: change.token === 'fresh' ? admitted({ ...session.claims, exp }) : session,
    });
    fixture.clock.advance(250_000);
    await expect(ada.request('refreshToken', { token: 'fresh' })).resolves.toEqual({ expiresAt: exp });
    expect(fixture.admission.asked.at(-1)).toEqual({ step: 'refresh', token: 'fresh' });
    fixture.clock.advance(3_000_000);
    await expect(ada.request('ping')).resolves.toEqual({});
  });

  it('leaves the session as it is for a token that is not valid', async () => {
    await start();
    const ada = await fixture.join();
    fixture.admission.verdict = () => ({ kind: 'refuse', refusal: policyRefusal('token_invalid') });
    await expect(ada.request('refreshToken', { token: 'forged' })).rejects.toThrow('token_invalid');
    await expect(ada.request('ping')).resolves.toEqual({});
  });

  it('ends the session for a token by which it may not be served here', async () => {
    await start();
    const ada = await fixture.join();
    fixture.admission.verdict = () => ({ kind: 'redirect', redirect: policyRedirect() });
    ada.send('refreshToken', { token: 'narrowed' });
    expect(await ada.closed()).toBe(4403);
    expect(ada.events.at(-1)).toBe('redirect');
  });

  describe('while the client is away', () => {
    const limits = { resumeWindowSeconds: 60, expiryGraceSeconds: 10 };
    /** One whose token ran out, grace and all, after its socket was lost. */
    const away = async () => {
      await start({ limits });
      const ada = await fixture.join({ exp: soon() });
      fixture.clock.advance(290_000);
      ada.cut();
      await eventually('the loss', () => fixture.host.stats().connections === 0);
      fixture.clock.advance(30_000);
      return { resumeToken: ada.resumeToken, back: await fixture.connectToResume(ada.resumeToken) };
    };
    const refreshing = (exp: number) => {
      fixture.admission.verdict = (session, { token }) =>
        token === undefined || token === 'fresh'
          ? { kind: 'admit', session: { ...session, claims: { ...session.claims, exp } } }
          : { kind: 'refuse', refusal: policyRefusal('token_mismatch') };
    };

    it('comes back with a fresh token, and with nothing less', async () => {
      const { back } = await away();
      refreshing(soon());
      await expect(back.request('resume', { lastSeq: 0 })).rejects.toThrow('token_expired');
      const other = { lastSeq: 0, token: "another's" };
      await expect(back.request('resume', other)).rejects.toThrow('token_mismatch');
      await expect(back.request('createTransport', { direction: 'send' })).rejects.toThrow('not_joined');
      const resumed = await back.request('resume', { lastSeq: 0, token: 'fresh' });
      expect(resumed).toMatchObject({ mode: 'replayed' });
      fixture.clock.advance(200_000);
      await expect(back.request('ping')).resolves.toEqual({});
    });

    it('is kept no longer than the resume window', async () => {
      const { back } = await away();
      await back.event('welcome');
      expect(fixture.host.stats().sessions).toBe(1);
      fixture.clock.advance(30_000);
      expect(fixture.host.stats()).toMatchObject({ sessions: 0, resumeTokens: 0 });
    });

    it('is sent away when its fresh token leads elsewhere', async () => {
      const { back } = await away();
      fixture.admission.verdict = () => ({ kind: 'redirect', redirect: policyRedirect() });
      back.send('resume', { lastSeq: 0, token: 'narrowed' });
      expect(await back.closed()).toBe(4403);
      expect(back.events).toEqual(['welcome', 'redirect']);
      expect(fixture.host.stats()).toMatchObject({ sessions: 0, peers: 0 });
    });

    it('is resumed by one connection only, whatever was judged meanwhile', async () => {
      const { back: first, resumeToken } = await away();
      const exp = soon();
      let judge = () => {};
      const judged = new Promise<void>((resolve) => {
        judge = resolve;
      });
      fixture.admission.verdict = async (session, { token }) => {
        if (token === 'slow') await judged;
        return { kind: 'admit', session: { ...session, claims: { ...session.claims, exp } } };
      };
      first.send('resume', { lastSeq: 0, token: 'slow' });
      await eventually('the question', () => fixture.admission.asked.some(({ token }) => token === 'slow'));
      const second = await fixture.connectToResume(resumeToken);
      await second.request('resume', { lastSeq: 0, token: 'fresh' });
      judge();
      expect(await first.closed()).toBe(4401);
      await expect(second.request('ping')).resolves.toEqual({});
    });
  });

  it('can be switched off', async () => {
    await start({ limits: { enforceExpiry: false } });
    const ada = await fixture.join({ exp: soon() });
    fixture.clock.advance(86_400_000);
    await expect(ada.request('ping')).resolves.toEqual({});
  });
});

describe('the end', () => {
  it('drains: everyone is sent elsewhere, nobody is let in, and it resolves', async () => {
    await start();
    const ada = await fixture.join({ room: 'one' });
    const idle = await fixture.connect();
    const drained = fixture.host.handOver(5000);
    for (const client of [ada, idle]) {
      expect(await client.closed()).toBe(4503);
      expect(await client.event('bye')).toMatchObject({ code: 'draining', retry: true });
    }
    await drained;
    expect(fixture.host.stats()).toMatchObject({ connections: 0, sessions: 0, rooms: 0 });
    const late = await fixture.connect();
    expect(await late.closed()).toBe(4503);
    expect(late.events).toEqual(['bye']);
  });

  it('drains room by room, and cuts what is left at the deadline', async () => {
    await start();
    const ada = await fixture.join({ room: 'one' });
    const bob = await fixture.join({ room: 'two' });
    bob.socket.pause();
    const drained = fixture.host.handOver(1000);
    expect(await ada.closed()).toBe(4503);
    expect(fixture.host.stats().rooms).toBe(1);
    fixture.clock.advance(125);
    await eventually('the second room', () => fixture.host.stats().rooms === 0);
    fixture.clock.advance(1000);
    await drained;
    expect(fixture.host.stats().connections).toBe(0);
  });

  it('waits for those who are here to leave, and lets them come back meanwhile', async () => {
    await start();
    const ada = await fixture.join({ room: 'one' });
    fixture.host.stopAccepting();
    let empty = false;
    const waited = fixture.host.whenEmpty(60_000, new AbortController().signal).then(() => {
      empty = true;
    });
    const late = await fixture.connect();
    expect(await late.closed()).toBe(4503);
    ada.cut();
    const back = await fixture.connectToResume(ada.resumeToken);
    expect(await back.request('resume', { lastSeq: ada.lastSeq })).toMatchObject({ mode: 'replayed' });
    expect(empty).toBe(false);
    await back.request('leave');
    await waited;
    expect(fixture.host.stats().sessions).toBe(0);
  });

  it('waits no longer than it may', async () => {
    await start();
    const ada = await fixture.join({ room: 'one' });
    const waited = fixture.host.whenEmpty(60_000, new AbortController().signal);
    fixture.clock.advance(60_000);
    await waited;
    const hastened = new AbortController();
    const second = fixture.host.whenEmpty(60_000, hastened.signal);
    hastened.abort();
    await second;
    expect(fixture.host.stats().sessions).toBe(1);
    await ada.request('leave');
  });

  it('drains at once when nobody is there', async () => {
    await start();
    await fixture.host.handOver(5000);
    expect(fixture.clock.pending).toBe(0);
  });
});

it('keeps nothing of a thousand who came and went', async () => {
  await start({ roomLimits: { emptySeconds: 0 } });
  const turns = 1000;
  for (let turn = 0; turn < turns; turn += 20) {
    await Promise.all(
      Array.from({ length: 20 }, async (_, index) => {
        const n = turn + index;
        if (n % 4 === 0) {
          (await fixture.connect()).cut();
          return;
        }
        const client = await fixture.join({ room: `room-${n % 7}` });
        if (n % 4 === 1) await client.request('leave');
        else if (n % 4 === 2) client.socket.send('garbage');
        else client.cut();
      }),
    );
  }
  await eventually('every socket to end', () => fixture.host.stats().connections === 0);
  fixture.clock.advance(120_000);
  await eventually('media to end', () => fixture.engine.rooms.size === 0);
  expect(fixture.host.stats()).toEqual({
    connections: 0,
    sessions: 0,
    resumeTokens: 0,
    rooms: 0,
    peers: 0,
    waiting: 0,
  });
  expect(fixture.clock.pending).toBe(0);
});

it('leaves a call undisturbed by a thousand idle sockets', async () => {
  await start();
  const [ada, bob] = [await fixture.join(), await fixture.join()];
  const idle = [];
  for (let n = 0; n < 1000; n++) idle.push(await fixture.connect());
  expect(fixture.host.stats().connections).toBe(1002);
  await ada.request('sendChat', { text: 'still here' });
  expect((await bob.event('chat')).text).toBe('still here');
  fixture.clock.advance(5000);
  await eventually('the idle to be sent away', () => fixture.host.stats().connections === 2);
  expect(fixture.ends.filter((end) => end === 'deadline')).toHaveLength(1000);
});
