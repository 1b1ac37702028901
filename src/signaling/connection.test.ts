import { afterEach, describe, expect, it } from 'vitest';
import { HostFixture, type HostFixtureOptions } from './testing/host-fixture.ts';
import { eventually, type TestClient } from './testing/test-client.ts';

const CAPABILITIES = { rtpCapabilities: { codecs: [] } };

let fixture: HostFixture;
async function start(options: HostFixtureOptions = {}): Promise<HostFixture> {
  fixture = await new HostFixture(options).start();
  return fixture;
}
afterEach(async () => {
  await fixture.close();
});

/** Expects `bye` with this code, and then this close code. */
async function expectBye(client: TestClient, code: string, close: number): Promise<void> {
  expect(await client.closed()).toBe(close);
  expect((await client.event('bye')).code).toBe(code);
}

it('welcomes first, outside the order of any session', async () => {
  await start();
  const client = await fixture.connect();
  const welcome = await client.event('welcome');
  expect(client.notifications[0]).toMatchObject({ event: 'welcome', seq: 0 });
  expect(welcome).toMatchObject({
    node: { id: 'node-1', datacenter: 'sjc', region: 'us' },
    policy: 'sha256:test',
    limits: { maxMessageBytes: 65536, producersPerPeer: 8, firstMessageSeconds: 5 },
  });
});

describe('frames', () => {
  it.each([
    ['not JSON', '{"type":'],
    ['no frame', '42'],
    ['another type', '{"type":"response","id":1,"method":"ping","data":{}}'],
    ['no id', '{"type":"request","method":"ping","data":{}}'],
    ['an id of zero', '{"type":"request","id":0,"method":"ping","data":{}}'],
    ['an unknown field', '{"type":"request","id":1,"method":"ping","data":{},"more":1}'],
    ['a method that is not a string', '{"type":"request","id":1,"method":{},"data":{}}'],
    ['deep nesting', `${'['.repeat(20_000)}${']'.repeat(20_000)}`],
  ])('ends the connection for %s', async (_, text) => {
    await start();
    const client = await fixture.connect();
    client.socket.send(text);
    await expectBye(client, 'bad_message', 4400);
  });

  it('ends the connection for a binary frame', async () => {
    await start();
    const client = await fixture.connect();
    client.socket.send(Buffer.from('{"type":"request","id":1,"method":"ping","data":{}}'), { binary: true });
    await expectBye(client, 'bad_message', 4400);
  });

  it('lets ws close with 1009 for one that is too large, and does not keep the session', async () => {
    await start();
    const client = await fixture.join();
    client.socket.send(JSON.stringify({ type: 'request', id: 9, method: 'ping', data: 'x'.repeat(70_000) }));
    expect(await client.closed()).toBe(1009);
    await eventually('the end of the session', () => fixture.host.stats().sessions === 0);
    expect(fixture.ends).toEqual(['message_too_large']);
  });

  it('ends the connection for an id that is in flight already', async () => {
    await start();
    fixture.admission.verdict = () => new Promise(() => undefined);
    const client = await fixture.connect();
    const id = client.send('join', CAPABILITIES);
    client.send('ping', {}, id);
    await expectBye(client, 'bad_message', 4400);
  });

  it('does not disturb others in the room', async () => {
    await start();
    const [ada, bob] = [await fixture.join(), await fixture.join()];
    bob.socket.send('garbage');
    await expectBye(bob, 'bad_message', 4400);
    expect(await ada.event('peerLeft')).toEqual({ peerId: bob.peerId, reason: 'removed' });
    await expect(ada.request('ping')).resolves.toEqual({});
  });
});

describe('requests', () => {
  it.each([
    ['an unknown field', 'ping', { more: 1 }, /Unrecognized key: "more"/],
    [
      'a nested fault',
      'join',
      { rtpCapabilities: { codecs: [{ kind: 'smell' }] } },
      /data\.rtpCapabilities\.codecs\[0\]\.kind/,
    ],
    ['no data', 'join', undefined, /data/],
    ['too long a chat', 'sendChat', { text: 'x'.repeat(2001) }, /data\.text/],
    ['a prototype as data', 'ping', JSON.parse('{"__proto__":{"a":1}}'), /Unrecognized key/],
  ])('refuses %s with bad_request and the path', async (_, method, data, message) => {
    await start();
    const client = await fixture.connect();
    const frame = await client.response(client.send(method, data));
    expect(frame).toMatchObject({ ok: false, error: { code: 'bad_request', retry: false } });
    expect(JSON.stringify(frame)).toMatch(new RegExp(message.source.replaceAll('"', '\\\\"')));
    expect(client.closedWith).toBeNull();
  });

  it('refuses data that is nested too deep to be written as text, in a room too', async () => {
    await start();
    const ada = await fixture.join();
    const deep = '['.repeat(30_000) + ']'.repeat(30_000);
    ada.socket.send(`{"type":"request","id":77,"method":"sendChat","data":${deep}}`);
    expect(await ada.response(77)).toMatchObject({ ok: false, error: { code: 'bad_request' } });
  });

  it.each(['fly', 'constructor', '__proto__'])('answers unknown_method for %s', async (method) => {
    await start();
    const client = await fixture.connect();
    expect(await client.response(client.send(method))).toMatchObject({
      ok: false,
      error: { code: 'unknown_method' },
    });
    expect(fixture.results).toEqual(['unknown unknown_method']);
  });

  it('answers not_joined before the join, and already_joined for a second one', async () => {
    await start();
    const client = await fixture.connect();
    await expect(client.request('ping')).resolves.toEqual({});
    await expect(client.request('createTransport', { direction: 'send' })).rejects.toThrow('not_joined');
    await expect(client.request('sendChat', { text: 'hi' })).rejects.toThrow('not_joined');
    await expect(client.request('leave')).rejects.toThrow('not_joined');
    await expect(client.request('resume', { lastSeq: 0 })).rejects.toThrow('bad_request');
    await client.request('join', CAPABILITIES);
    await expect(client.request('join', CAPABILITIES)).rejects.toThrow('already_joined');
  });

  it('answers what clients send in one go, in order, without waiting for responses', async () => {
    await start();
    const client = await fixture.connect();
    const ids = [
      client.send('join', CAPABILITIES),
      client.send('createTransport', { direction: 'send' }),
      client.send('createTransport', { direction: 'receive' }),
      client.send('getStats'),
    ];
    for (const id of ids) expect(await client.response(id)).toMatchObject({ ok: true });
    const answered = client.frames.flatMap((frame) => (frame.type === 'response' ? [frame.id] : []));
    expect(answered).toEqual(ids);
  });

  it('answers a ping while an earlier request hangs, and that one with deadline', async () => {
    await start({ limits: { requestSeconds: 10 } });
    const client = await fixture.join();
    fixture.admission.verdict = () => new Promise(() => undefined);
    const hanging = client.send('refreshToken', { token: 'x' });
    await expect(client.request('ping')).resolves.toEqual({});
    fixture.clock.advance(10_000);
    expect(await client.response(hanging)).toMatchObject({ ok: false, error: { code: 'deadline' } });
    expect(client.closedWith).toBeNull();
  });

  it('answers internal, and goes on, when a handler breaks', async () => {
    await start();
    const client = await fixture.join();
    fixture.engine.room('standup').peer(client.peerId).getStats = () => Promise.reject(new Error('broken'));
    await expect(client.request('getStats')).rejects.toThrow('internal');
    await expect(client.request('ping')).resolves.toEqual({});
  });
});

describe('limits', () => {
  it('ends a connection on which nothing is asked in time', async () => {
    await start({ limits: { firstMessageSeconds: 5 } });
    const client = await fixture.connect();
    await client.event('welcome');
    fixture.clock.advance(5000);
    await expectBye(client, 'deadline', 4408);
  });

  it('ends a connection that asks, but does not join in time', async () => {
    await start({ limits: { firstMessageSeconds: 5, joinSeconds: 30 } });
    const client = await fixture.connect();
    await client.request('ping');
    fixture.clock.advance(29_000);
    await client.request('ping');
    fixture.clock.advance(1000);
    await expectBye(client, 'deadline', 4408);
  });

  it('ends a connection whose join hangs, and seats nobody when the answer comes late', async () => {
    await start({ limits: { requestSeconds: 10 } });
    let answer = (): void => undefined;
    fixture.admission.verdict = (session) =>
      new Promise((resolve) => {
        answer = () => resolve({ kind: 'admit', session });
      });
    const client = await fixture.connect();
    client.send('join', CAPABILITIES);
    await eventually('the question', () => fixture.admission.asked.length > 0);
    fixture.clock.advance(10_000);
    await expectBye(client, 'deadline', 4408);
    answer();
    await new Promise((resolve) => setImmediate(resolve));
    expect(fixture.engine.calls).toEqual([]);
    expect(fixture.host.stats()).toMatchObject({ sessions: 0, rooms: 0 });
  });

  it('keeps a quiet member without any deadline', async () => {
    await start();
    const client = await fixture.join();
    fixture.clock.advance(3_600_000);
    await expect(client.request('ping')).resolves.toEqual({});
  });

  it('answers rate_limited, forgives a pause, and ends the connection when it goes on', async () => {
    await start({ limits: { messages: { perSecond: 1, burst: 5 }, floodMessages: 3 } });
    const client = await fixture.join();
    for (let n = 0; n < 4; n++) await client.request('ping');
    for (let n = 0; n < 3; n++) await expect(client.request('ping')).rejects.toThrow('rate_limited');
    fixture.clock.advance(6000);
    for (let n = 0; n < 5; n++) await client.request('ping');
    for (let n = 0; n < 3; n++) await expect(client.request('ping')).rejects.toThrow('rate_limited');
    client.send('ping');
    await expectBye(client, 'rate_limited', 4429);
    expect(fixture.host.stats().sessions).toBe(0);
  });

  it('counts requests for what they cost the room', async () => {
    await start({ limits: { messages: { perSecond: 1, burst: 40 } } });
    const client = await fixture.join();
    const { transportId } = await client.request('createTransport', { direction: 'send' });
    const produce = () =>
      client.request('produce', {
        transportId,
        kind: 'audio',
        source: 'microphone',
        rtpParameters: { codecs: [{ mimeType: 'audio/opus', payloadType: 100, clockRate: 48000 }] },
      });
    for (let n = 0; n < 3; n++) await produce();
    await expect(produce()).rejects.toThrow('rate_limited');
    // Eight others are two requests more for each.
    for (let n = 0; n < 8; n++) await fixture.join();
    fixture.clock.advance(25_000);
    await expect(produce()).resolves.toBeDefined();
    await expect(produce()).resolves.toBeDefined();
    await expect(produce()).rejects.toThrow('rate_limited');
    fixture.clock.advance(34_000);
    const consumerIds = Array.from({ length: 480 }, (_, n) => `consumer-${n}`);
    await client.request('pauseConsumers', { consumerIds });
    await expect(client.request('pauseConsumers', { consumerIds })).rejects.toThrow('rate_limited');
    await client.request('ping');
  });

  it('counts pings of the WebSocket protocol as messages', async () => {
    await start({ limits: { messages: { perSecond: 1, burst: 5 }, floodMessages: 3 } });
    const client = await fixture.connect();
    for (let n = 0; n < 10; n++) client.socket.ping();
    await expectBye(client, 'rate_limited', 4429);
  });

  it('bounds the requests in flight', async () => {
    await start({ limits: { requestsInFlight: 2 } });
    const client = await fixture.join();
    fixture.admission.verdict = () => new Promise(() => undefined);
    client.send('refreshToken', { token: 'x' });
    client.send('refreshToken', { token: 'x' });
    await expect(client.request('ping')).rejects.toThrow('rate_limited');
  });

  it('cuts off a reader that lags too far, and lets it resume', async () => {
    await start({
      limits: { maxBufferedBytes: 64 * 1024 },
      roomLimits: {
        chatPerPeer: { perSecond: 1000, burst: 100_000 },
        chatPerRoom: { perSecond: 1000, burst: 100_000 },
      },
    });
    const [ada, bob] = [await fixture.join(), await fixture.join()];
    bob.socket.pause();
    const text = 'x'.repeat(2000);
    // Until the kernel's buffers are full too.
    await eventually('the cut', () => {
      for (let n = 0; n < 50; n++) ada.send('sendChat', { text });
      fixture.clock.advance(1000);
      return fixture.ends.includes('slow_reader');
    });
    fixture.clock.advance(2000);
    bob.socket.resume();
    expect([1006, 4440]).toContain(await bob.closed());
    expect(fixture.host.findResumable(bob.resumeToken)).toBeDefined();
    await expect(ada.request('ping')).resolves.toEqual({});
    expect(ada.events).not.toContain('peerLeft');
  });

  it('cuts a socket that does not answer the close', async () => {
    await start({ limits: { closeSeconds: 2 } });
    const client = await fixture.connect();
    await client.event('welcome');
    client.socket.pause();
    fixture.clock.advance(5000);
    expect(fixture.host.stats().connections).toBe(1);
    fixture.clock.advance(2000);
    await eventually('the end of the socket', () => fixture.host.stats().connections === 0);
  });
});
