import { afterEach, describe, expect, it } from 'vitest';
import { WatershedError } from '../protocol/errors.ts';
import type { ConsumerInfo } from '../protocol/state.ts';
import { policyRedirect, policyRefusal } from '../rooms/testing/fake-admission.ts';
import { CAMERA, MICROPHONE } from '../rooms/testing/setup.ts';
import { HostFixture, type HostFixtureOptions } from './testing/host-fixture.ts';
import { eventually, type TestClient } from './testing/test-client.ts';

let fixture: HostFixture;
async function start(options: HostFixtureOptions = {}): Promise<HostFixture> {
  fixture = await new HostFixture(options).start();
  return fixture;
}
afterEach(async () => {
  await fixture.close();
});

/** Cuts the socket as a network does, and waits until the node has noticed. */
async function lose(client: TestClient): Promise<void> {
  const before = fixture.host.stats().connections;
  client.cut();
  await eventually('the loss', () => fixture.host.stats().connections === before - 1);
}

function consumer(id: string): ConsumerInfo {
  return {
    consumerId: id,
    producerId: 'p',
    peerId: 'other',
    kind: 'video',
    source: 'camera',
    type: 'simulcast',
    rtpParameters: { codecs: [{ mimeType: 'video/VP8', payloadType: 96, clockRate: 90000 }] },
    producerPaused: false,
  };
}

describe('a lost socket', () => {
  it('comes back to the same transports, and is told what it missed, in order', async () => {
    await start();
    const [ada, bob] = [await fixture.join({ name: 'Ada' }), await fixture.join({ name: 'Bob' })];
    await bob.request('createTransport', { direction: 'send' });
    await ada.request('sendChat', { text: 'one' });
    await bob.event('chat');
    const seen = bob.lastSeq;
    await lose(bob);
    await ada.request('sendChat', { text: 'two' });
    const carol = await fixture.join({ name: 'Carol' });
    await carol.request('sendChat', { text: 'three' });
    const media = fixture.engine.room('standup').peer(bob.peerId);
    const calls = fixture.engine.calls.length;

    const back = await fixture.connectToResume(bob.resumeToken);
    await back.event('welcome');
    expect(back.events).toEqual(['welcome']);
    const resumed = await back.request('resume', { lastSeq: seen });
    expect(resumed).toMatchObject({ mode: 'replayed', missed: 3 });
    await back.event('chat', 1);
    expect(back.notifications.slice(1).map(({ seq, event }) => [seq - seen, event])).toEqual([
      [1, 'chat'],
      [2, 'peerJoined'],
      [3, 'chat'],
    ]);
    await ada.request('sendChat', { text: 'four' });
    await back.event('chat', 2);
    expect(back.lastSeq).toBe(seen + 4);

    expect(fixture.engine.room('standup').peer(bob.peerId)).toBe(media);
    expect(media.transports).toBe(1);
    expect(fixture.engine.calls.slice(calls)).toEqual(['rejudge']);
    expect(ada.events).not.toContain('peerLeft');
    await expect(back.request('restartIce', { transportId: 't1-send' })).resolves.toMatchObject({
      iceParameters: { password: 'second-ice-password' },
    });
    expect(media.transports).toBe(1);
  });

  it('gives the response before the notifications that follow it', async () => {
    await start();
    const [ada, bob] = [await fixture.join(), await fixture.join()];
    await lose(bob);
    await ada.request('sendChat', { text: 'missed' });
    const back = await fixture.connectToResume(bob.resumeToken);
    await back.request('resume', { lastSeq: 0 });
    await back.event('chat');
    expect(back.frames.map((frame) => (frame.type === 'response' ? 'response' : frame.event))).toEqual([
      'welcome',
      'response',
      'chat',
    ]);
  });

  it.each([
    ['more than is kept', { replayNotifications: 2 }, 0],
    ['more characters than are kept', { replayCharacters: 300 }, 0],
    ['a future that never was', {}, 1_000_000],
  ])('starts afresh after %s', async (_, limits, lastSeq) => {
    await start({ limits });
    const [ada, bob] = [await fixture.join({ name: 'Ada' }), await fixture.join()];
    const media = fixture.engine.room('standup').peer(bob.peerId);
    media.consumersNow = [consumer('c1'), consumer('c2')];
    media.heldNow = [{ consumerId: 'c2', by: 'lastN' }];
    await lose(bob);
    for (let n = 0; n < 5; n++) await ada.request('sendChat', { text: 'missed' });
    const back = await fixture.connectToResume(bob.resumeToken);
    const resumed = await back.request('resume', { lastSeq });
    expect(resumed).toMatchObject({
      mode: 'fresh',
      joined: { peerId: bob.peerId, peers: [{ displayName: 'Ada' }], resumeToken: resumed.resumeToken },
    });
    const { consumers } = await back.event('consumersCreated');
    expect(consumers.map(({ consumerId }) => consumerId)).toEqual(['c1', 'c2']);
    expect(await back.event('consumerPaused')).toEqual({ consumerId: 'c2', by: 'lastN' });
    expect(back.events).not.toContain('chat');
    await ada.request('sendChat', { text: 'new' });
    await back.event('chat');
    const numbers = back.notifications.slice(1).map(({ seq }) => seq);
    const first = numbers[0] ?? 0;
    expect(numbers).toEqual([first, first + 1, first + 2]);
  });

  it("tells afresh which of the client's own producers is muted, and which layers are watched", async () => {
    await start({ limits: { replayNotifications: 0 } });
    const [host, bob] = [await fixture.join({ role: 'host' }), await fixture.join()];
    const { producerId: microphone } = await bob.request('produce', MICROPHONE);
    const { producerId: camera } = await bob.request('produce', CAMERA);
    const { producerId: screen } = await bob.request('produce', { ...CAMERA, source: 'screen' });
    const media = fixture.engine.room('standup').peer(bob.peerId);
    await lose(bob);
    await host.request('mutePeer', { peerId: bob.peerId });
    media.emit('producerClosed', { producerId: screen, error: new WatershedError('bitrate_exceeded') });
    media.emit('wantedLayers', { producerId: camera, spatialLayer: null });
    media.emit('wantedLayers', { producerId: camera, spatialLayer: 2 });
    const back = await fixture.connectToResume(bob.resumeToken);
    const { mode, resumeToken } = await back.request('resume', { lastSeq: 0 });
    await back.request('ping');
    expect(mode).toBe('fresh');
    const told = ({ notifications }: TestClient) =>
      notifications.filter(({ event }) => ['producerClosed', 'muted', 'wantedLayers'].includes(event));
    expect(told(back)).toMatchObject([
      { event: 'producerClosed', data: { producerId: screen, code: 'bitrate_exceeded' } },
      { event: 'muted', data: { producerId: microphone, source: 'microphone', by: host.peerId } },
      { event: 'wantedLayers', data: { producerId: camera, spatialLayer: 2 } },
    ]);

    await back.request('resumeProducer', { producerId: microphone });
    await back.request('closeProducer', { producerId: camera });
    await lose(back);
    const again = await fixture.connectToResume(resumeToken);
    await again.request('resume', { lastSeq: 0 });
    await again.request('ping');
    expect(told(again)).toMatchObject([{ event: 'producerClosed', data: { producerId: screen } }]);
  });

  it('sends every consumer afresh, however much more than the buffer they are', async () => {
    await start({ limits: { replayNotifications: 2, replayCharacters: 1000 } });
    const [ada, bob] = [await fixture.join(), await fixture.join()];
    const many = Array.from({ length: 600 }, (_, index) => consumer(`c${index}`));
    fixture.engine.room('standup').peer(bob.peerId).consumersNow = many;
    await lose(bob);
    for (let n = 0; n < 5; n++) await ada.request('sendChat', { text: 'missed' });
    const back = await fixture.connectToResume(bob.resumeToken);
    await back.request('resume', { lastSeq: 0 });
    await back.request('ping');
    const batches = back.notifications.filter(({ event }) => event === 'consumersCreated');
    const frames = batches.map((batch) => JSON.stringify(batch));
    expect(frames.join('').match(/"consumerId"/g)).toHaveLength(600);
    expect(Math.max(...frames.map((frame) => frame.length))).toBeLessThan(64 * 1024);
  });

  it('leaves as lost when the window ends', async () => {
    await start({ limits: { resumeWindowSeconds: 30 } });
    const [ada, bob] = [await fixture.join(), await fixture.join()];
    await lose(bob);
    fixture.clock.advance(29_000);
    expect(fixture.host.findResumable(bob.resumeToken)).toBeDefined();
    fixture.clock.advance(1000);
    expect(await ada.event('peerLeft')).toEqual({ peerId: bob.peerId, reason: 'lost' });
    expect(fixture.host.findResumable(bob.resumeToken)).toBeUndefined();
    expect(fixture.host.stats()).toMatchObject({ sessions: 1, resumeTokens: 1, peers: 1 });
  });

  it('has until its first message is due when it comes at the last moment, once', async () => {
    await start({ limits: { resumeWindowSeconds: 30, firstMessageSeconds: 5 } });
    const bob = await fixture.join();
    await lose(bob);
    fixture.clock.advance(29_900);
    const first = await fixture.connectToResume(bob.resumeToken);
    fixture.clock.advance(4900);
    first.cut();
    const second = await fixture.connectToResume(bob.resumeToken);
    await second.event('welcome');
    fixture.clock.advance(200);
    expect(fixture.host.stats().sessions).toBe(0);
    second.send('resume', { lastSeq: 0 });
    expect(await second.closed()).toBe(4401);
    expect((await second.event('refused')).code).toBe('resume_invalid');
  });

  it('survives a resuming socket that dies before it said anything', async () => {
    await start();
    const bob = await fixture.join();
    await lose(bob);
    await lose(await fixture.connectToResume(bob.resumeToken));
    const back = await fixture.connectToResume(bob.resumeToken);
    await expect(back.request('resume', { lastSeq: 0 })).resolves.toMatchObject({ mode: 'replayed' });
  });

  it('gives no room for those who have not joined, or wait', async () => {
    await start({ roomLimits: { waitingRoom: true } });
    const host = await fixture.join({ role: 'host' });
    const ada = await fixture.connect();
    await ada.request('join', { rtpCapabilities: { codecs: [] } });
    await host.event('peerWaiting');
    ada.cut();
    await host.event('peerWaitingGone');
    expect(fixture.host.stats()).toMatchObject({ sessions: 1, waiting: 0 });
  });

  it('does not keep the speakers of a moment', async () => {
    await start();
    const bob = await fixture.join();
    await lose(bob);
    fixture.engine.room('standup').emit('speakers', { dominant: null, volumes: [] });
    const back = await fixture.connectToResume(bob.resumeToken);
    await expect(back.request('resume', { lastSeq: 0 })).resolves.toMatchObject({ missed: 0 });
  });
});

describe('a response that was lost with its socket', () => {
  const resumed = async (client: TestClient): Promise<TestClient> => {
    await lose(client);
    const back = await fixture.connectToResume(client.resumeToken);
    back.joined = await back.request('resume', { lastSeq: client.lastSeq });
    return back;
  };
  const transports = () => fixture.engine.calls.filter((call) => call.startsWith('createTransport'));

  it('is given again to the same request, which is not done twice', async () => {
    await start();
    const bob = await fixture.join();
    const id = bob.send('createTransport', { direction: 'send' });
    const first = await bob.response(id);
    const chatId = bob.send('sendChat', { text: 'once' });
    const chat = await bob.response(chatId);
    const back = await resumed(bob);
    back.send('createTransport', { direction: 'send' }, id);
    back.send('sendChat', { text: 'once' }, chatId);
    expect(await back.response(id)).toEqual(first);
    expect(await back.response(chatId)).toEqual(chat);
    expect(transports()).toEqual(['createTransport send']);
    const again = await resumed(back);
    again.send('createTransport', { direction: 'send' }, id);
    expect(await again.response(id)).toEqual(first);
    const chats = [bob, back, again].flatMap(({ notifications }) =>
      notifications.filter(({ event }) => event === 'chat').map(({ seq }) => seq),
    );
    expect(new Set(chats).size).toBe(1);
  });

  it('is waited for while the request is still being worked on', async () => {
    await start();
    const bob = await fixture.join();
    let make = () => {};
    fixture.engine.room('standup').peer(bob.peerId).making = new Promise((resolve) => {
      make = resolve;
    });
    const id = bob.send('createTransport', { direction: 'receive' });
    await eventually('the call', () => transports().length === 1);
    const back = await resumed(bob);
    back.send('createTransport', { direction: 'receive' }, id);
    make();
    expect(await back.response(id)).toMatchObject({ ok: true, data: { transportId: 't1-receive' } });
    expect(transports()).toHaveLength(1);
  });

  it('is an error again where it was one', async () => {
    await start();
    const bob = await fixture.join();
    const id = bob.send('closeProducer', { producerId: 'none' });
    const first = await bob.response(id);
    const back = await resumed(bob);
    back.send('closeProducer', { producerId: 'none' }, id);
    expect(first).toMatchObject({ ok: false, error: { code: 'not_found' } });
    expect(await back.response(id)).toEqual(first);
    expect(fixture.engine.calls.filter((call) => call === 'closeProducer')).toHaveLength(1);
  });

  it('is not given to another request by the same id', async () => {
    await start();
    const bob = await fixture.join();
    const id = bob.send('createTransport', { direction: 'send' });
    await bob.response(id);
    const back = await resumed(bob);
    back.send('createTransport', { direction: 'receive' }, id);
    expect(await back.response(id)).toMatchObject({ ok: true, data: { transportId: 't2-receive' } });
  });

  it('that made a transport counts for nothing once transports were lost', async () => {
    await start();
    const bob = await fixture.join();
    const id = bob.send('createTransport', { direction: 'send' });
    await bob.response(id);
    await lose(bob);
    fixture.engine.room('standup').peer(bob.peerId).emit('reset', { reason: 'worker_died' });
    const back = await fixture.connectToResume(bob.resumeToken);
    await back.request('resume', { lastSeq: bob.lastSeq });
    back.send('createTransport', { direction: 'send' }, id);
    expect(await back.response(id)).toMatchObject({ ok: true, data: { transportId: 't2-send' } });
  });

  it('is kept for as many requests as may be in flight, and no more', async () => {
    await start({ limits: { requestsInFlight: 3 } });
    const bob = await fixture.join();
    const ids: number[] = [];
    for (let n = 0; n < 4; n++) {
      const id = bob.send('sendChat', { text: `${n}` });
      await bob.response(id);
      ids.push(id);
    }
    const back = await resumed(bob);
    for (const n of [3, 2, 1, 0]) {
      back.send('sendChat', { text: `${n}` }, ids[n]);
      const known = bob.frames.find((frame) => frame.type === 'response' && frame.id === ids[n]);
      const given = await back.response(ids[n] ?? 0);
      if (n > 0) expect(given).toEqual(known);
      else expect(given).not.toEqual(known);
    }
  });
});

describe('a resume token', () => {
  it('is random, and good once; each resume gives the next', async () => {
    await start();
    const bob = await fixture.join();
    expect(bob.resumeToken).toMatch(/^r1\.[A-Za-z0-9_-]{43}$/);
    await lose(bob);
    const back = await fixture.connectToResume(bob.resumeToken);
    const { resumeToken } = await back.request('resume', { lastSeq: 0 });
    expect(resumeToken).not.toBe(bob.resumeToken);
    await expect(back.request('ping')).resolves.toEqual({});
    expect(fixture.host.stats().resumeTokens).toBe(1);

    const thief = await fixture.connectToResume(bob.resumeToken);
    expect(await thief.closed()).toBe(4401);
    expect(thief.events).toEqual(['refused']);
    expect((await thief.event('refused')).code).toBe('resume_invalid');
    await expect(back.request('ping')).resolves.toEqual({});

    await lose(back);
    const again = await fixture.connectToResume(resumeToken);
    await expect(again.request('resume', { lastSeq: 0 })).resolves.toMatchObject({ mode: 'replayed' });
  });

  it('is spent by the first of two connections that goes on', async () => {
    await start();
    const bob = await fixture.join();
    await lose(bob);
    const first = await fixture.connectToResume(bob.resumeToken);
    const second = await fixture.connectToResume(bob.resumeToken);
    await first.request('resume', { lastSeq: 0 });
    await first.request('ping');
    second.send('resume', { lastSeq: 0 });
    expect(await second.closed()).toBe(4401);
    await expect(first.request('ping')).resolves.toEqual({});
  });

  it('is good again where the answer to it was lost with its socket; the one that nobody got is not', async () => {
    await start();
    const bob = await fixture.join();
    await lose(bob);
    const unheard: string[] = [];
    let back = await fixture.connectToResume(bob.resumeToken);
    for (const _ of [1, 2, 3]) {
      unheard.push((await back.request('resume', { lastSeq: 0 })).resumeToken);
      expect(fixture.host.stats().resumeTokens).toBe(2);
      await lose(back);
      back = await fixture.connectToResume(bob.resumeToken);
    }
    const { mode, resumeToken } = await back.request('resume', { lastSeq: 0 });
    expect(mode).toBe('replayed');
    for (const token of unheard) expect(fixture.host.findResumable(token)).toBeUndefined();
    // One more loss, of a client that has the new token and said nothing with it: both were good, and now one is.
    await lose(back);
    const again = await fixture.connectToResume(resumeToken);
    await again.request('resume', { lastSeq: 0 });
    expect(fixture.host.findResumable(bob.resumeToken)).toBeUndefined();
    await again.request('ping');
    expect(fixture.host.findResumable(resumeToken)).toBeUndefined();
    expect(fixture.host.stats()).toMatchObject({ sessions: 1, resumeTokens: 1, peers: 1 });
  });

  it('takes the place of a connection that nobody knows to be dead, also when its answer was lost', async () => {
    await start();
    const bob = await fixture.join();
    await lose(bob);
    const halfOpen = await fixture.connectToResume(bob.resumeToken);
    await halfOpen.request('resume', { lastSeq: 0 });
    const back = await fixture.connectToResume(bob.resumeToken);
    await back.request('resume', { lastSeq: 0 });
    expect(await halfOpen.closed()).toBe(4409);
    await expect(back.request('ping')).resolves.toEqual({});
    expect(fixture.host.findResumable(bob.resumeToken)).toBeUndefined();
  });

  it('is revoked with the session even while it may be presented again', async () => {
    await start();
    const bob = await fixture.join();
    await lose(bob);
    const back = await fixture.connectToResume(bob.resumeToken);
    await back.request('resume', { lastSeq: 0 });
    expect(fixture.host.stats().resumeTokens).toBe(2);
    fixture.host.close();
    expect(fixture.host.stats().sessions).toBe(0);
    expect(fixture.host.stats().resumeTokens).toBe(0);
  });

  it.each(['r1.', `r1.${'A'.repeat(43)}`, 'r1.__proto__'])('is unknown here: %s', async (token) => {
    await start();
    await fixture.join();
    expect(fixture.host.findResumable(token)).toBeUndefined();
    const client = await fixture.connectToResume(token);
    expect(await client.closed()).toBe(4401);
    expect(client.events).toEqual(['refused']);
  });

  it('of another node means nothing here', async () => {
    const elsewhere = await start();
    const stranger = await elsewhere.join();
    const here = await new HostFixture().start();
    try {
      expect(here.host.findResumable(stranger.resumeToken)).toBeUndefined();
      const client = await here.connectToResume(stranger.resumeToken);
      expect(await client.closed()).toBe(4401);
    } finally {
      await here.close();
    }
  });

  it('cannot be used to join, and a join cannot be used to resume', async () => {
    await start();
    const bob = await fixture.join();
    await lose(bob);
    const back = await fixture.connectToResume(bob.resumeToken);
    await expect(back.request('join', { rtpCapabilities: { codecs: [] } })).rejects.toThrow('bad_request');
    await expect(back.request('createTransport', { direction: 'send' })).rejects.toThrow('not_joined');
    await expect(bob.closed()).resolves.toBe(1006);
  });

  it('ends with the session', async () => {
    await start();
    const bob = await fixture.join();
    await bob.request('leave');
    expect(await bob.closed()).toBe(4000);
    expect(fixture.host.findResumable(bob.resumeToken)).toBeUndefined();
    expect(fixture.host.stats()).toMatchObject({ sessions: 0, resumeTokens: 0 });
  });
});

it('replaces a socket that is still open', async () => {
  await start();
  const bob = await fixture.join();
  const back = await fixture.connectToResume(bob.resumeToken);
  await back.event('welcome');
  expect(bob.closedWith).toBeNull();
  await back.request('resume', { lastSeq: 0 });
  expect(await bob.closed()).toBe(4409);
  expect((await bob.event('bye')).code).toBe('replaced');
  await expect(back.request('ping')).resolves.toEqual({});
  expect(fixture.host.stats()).toMatchObject({ sessions: 1, peers: 1 });
});

describe('isolation of a resume', () => {
  it('judges the legs by the wider label before anything is sent', async () => {
    await start();
    const bob = await fixture.join();
    await lose(bob);
    const session = fixture.host.findResumable(bob.resumeToken);
    fixture.admission.allowed = (label) => !label.evidence.includes('cn');
    const media = fixture.engine.room('standup').peer(bob.peerId);
    media.transports = 2;
    const label = { home: 'us', evidence: ['cn', 'us'], regions: null };
    const back = await fixture.connectToResume(bob.resumeToken, '192.0.2.9', label);
    expect(await back.closed()).toBe(4403);
    expect(back.events).toEqual(['refused']);
    expect(media.transports).toBe(0);
    expect(media.closed).toBe(true);
    expect(session).toBeDefined();
    expect(fixture.host.stats()).toMatchObject({ sessions: 0, peers: 0, resumeTokens: 0 });
  });

  it.each([
    ['refused', policyRefusal('address_refused')],
    ['redirect', policyRedirect()],
  ] as const)('ends the session, its open socket too, when the door has %s', async (event, verdict) => {
    await start();
    const [ada, bob] = [await fixture.join(), await fixture.join()];
    fixture.host.forbidResumed(bob.resumeToken, verdict);
    expect(await bob.closed()).toBe(4403);
    expect(bob.events.at(-1)).toBe(event);
    expect(await ada.event('peerLeft')).toEqual({ peerId: bob.peerId, reason: 'policy' });
    expect(fixture.engine.room('standup').peers.size).toBe(1);
    fixture.host.forbidResumed('r1.unknown', verdict);
  });
});
