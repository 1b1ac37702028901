import { createWorker, type types } from 'mediasoup';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../src/testing/wait.ts';
import { ensureWorker } from '../../workers/ensure.ts';
import { rtpPayload } from '../../workers/rtp-packet.ts';
import { Generator } from './generator.ts';
import type { NewTransport, SrtpProfile, TransportState } from './messages.ts';
import { connect, type Ends, FEEDBACK, publish, send, subscribe, VIDEO } from './testing/call.ts';

const PROFILES: SrtpProfile[] = ['AEAD_AES_256_GCM', 'AEAD_AES_128_GCM', 'AES_CM_128_HMAC_SHA1_80'];

let worker: types.Worker;
let router: types.Router;
let server: types.WebRtcServer;
let generator: Generator;
let states: TransportState[] = [];

beforeAll(async () => {
  const { path } = await ensureWorker();
  worker = await createWorker({ workerBin: path, logLevel: 'error' });
  router = await worker.createRouter({
    mediaCodecs: [{ kind: 'video', ...VIDEO, preferredPayloadType: 96, rtcpFeedback: FEEDBACK }],
  });
  server = await worker.createWebRtcServer({ listenInfos: [{ protocol: 'udp', ip: '127.0.0.1' }] });
}, 600_000);

afterAll(() => worker?.close());

beforeEach(async () => {
  states = [];
  generator = await Generator.start({ onState: (state) => states.push(state) });
  await generator.addShape({
    shape: 'video',
    frames: [[10_000, [700, 700, 300]]],
    keyFrame: [900, 900, 900],
  });
}, 60_000);

afterEach(async () => {
  await generator.close();
});

const ends = (at: types.Router = router): Ends => ({ generator, router: at, server });

/** One publisher and one subscriber of it, as `sender` and `receiver`. */
async function call(
  options: {
    publisher?: Partial<NewTransport>;
    subscriber?: Partial<NewTransport>;
    nack?: boolean;
    at?: types.Router;
  } = {},
) {
  const at = ends(options.at);
  const publishing = await connect(at, 'publisher', options.publisher);
  const subscribing = await connect(at, 'subscriber', options.subscriber);
  await Promise.all([generator.connected('publisher'), generator.connected('subscriber')]);
  const producer = await publish(publishing);
  const as = { transport: 'subscriber', receiver: 'receiver', nack: options.nack === true };
  const consumer = await subscribe(at, subscribing, producer, as);
  await send(generator, 'publisher');
  return { producer, consumer, subscribing };
}

async function figures() {
  const { senders, receivers, transports } = await generator.stats({ detail: true });
  const [sender, receiver] = [senders?.sender, receivers?.receiver];
  if (sender === undefined || receiver === undefined || transports === undefined)
    throw new Error('no figures');
  return { sender, receiver, transports };
}

async function received(packets: number) {
  await waitFor(`${packets} packets`, async () => (await figures()).receiver.packets >= packets);
  return figures();
}

describe('through a worker', () => {
  it.each(PROFILES)('every packet arrives, stamped and in order, under %s', async (profile) => {
    await call({ publisher: { profiles: [profile] }, subscriber: { profiles: [profile] } });
    const { sender, receiver, transports } = await received(200);
    expect(states.map(({ state, profile: agreed }) => [state, agreed])).toEqual([
      ['connected', profile],
      ['connected', profile],
    ]);
    expect(receiver).toMatchObject({
      missing: 0,
      stampMissing: 0,
      duplicates: 0,
      reordered: 0,
      stream: 7,
      switches: 0,
    });
    expect(receiver.stamped).toBe(receiver.packets);
    expect(receiver.keyFrames).toBeGreaterThan(0);
    expect(receiver.latency.count).toBe(receiver.packets);
    expect(receiver.latency.p50).toBeGreaterThan(0);
    expect(sender.packets).toBeGreaterThanOrEqual(receiver.packets);
    expect(transports.subscriber?.authFailures).toBe(0);
  });

  it('what is lost on the way to the worker is asked for and sent again by RTX', async () => {
    await call({ publisher: { impair: { dropSend: 0.05, seed: 5 } } });
    const { sender, receiver, transports } = await received(600);
    expect(transports.publisher?.dropped).toBeGreaterThan(10);
    expect(sender.retransmitted).toBeGreaterThan(10);
    expect(receiver.reordered).toBeGreaterThan(5);
    await waitFor('the gaps to close', async () => (await figures()).receiver.missing < 10);
  });

  it('what is lost on the way from the worker is asked for, and comes by RTX', async () => {
    await call({ subscriber: { impair: { dropReceive: 0.05, seed: 5 } }, nack: true });
    const { receiver, transports } = await received(600);
    expect(transports.subscriber?.dropped).toBeGreaterThan(10);
    expect(transports.subscriber?.nacksSent).toBeGreaterThan(5);
    expect(receiver.recovered).toBeGreaterThan(10);
    await waitFor('the gaps to close', async () => (await figures()).receiver.missing < 10);
  });

  it('a subscriber can ask for a key frame, and a sender that was off begins with one', async () => {
    await call();
    const before = (await received(10)).sender.keyFrames;
    await generator.requestKeyFrame('receiver');
    await waitFor('a key frame', async () => (await figures()).sender.keyFrames > before);
    await generator.setSender({ sender: 'sender', active: false });
    const off = (await figures()).sender;
    await generator.setSender({ sender: 'sender', active: true });
    await waitFor('packets', async () => (await figures()).sender.packets > off.packets);
    expect((await figures()).sender.keyFrames).toBeGreaterThan(off.keyFrames);
  });

  it('a key frame of temporal layers can be taken up by whoever has none, and says so, as browsers do', async () => {
    const publishing = await connect(ends(), 'publisher');
    await generator.connected('publisher');
    const producer = await publish(publishing);
    const direct = await router.createDirectTransport();
    const { rtpCapabilities } = router;
    const consumer = await direct.consume({ producerId: producer.id, rtpCapabilities });
    const begins: { key: boolean; layer: number; sync: boolean }[] = [];
    consumer.on('rtp', (packet) => {
      const payload = rtpPayload(packet);
      // The first packet of a frame (RFC 7741 sections 4.2 and 4.3), with two bytes of picture id.
      if (payload === undefined || (payload.readUInt8(0) & 0x10) === 0) return;
      const layers = payload.readUInt8(5);
      begins.push({
        key: (payload.readUInt8(6) & 1) === 0,
        layer: layers >> 6,
        sync: (layers & 0x20) !== 0,
      });
    });
    await send(generator, 'publisher', { temporalLayers: 3 });
    await waitFor('frames', () => begins.length >= 8);
    const first = begins.findIndex(({ key }) => key);
    expect(begins.slice(first, first + 5)).toEqual([
      { key: true, layer: 0, sync: true },
      { key: false, layer: 2, sync: true },
      { key: false, layer: 1, sync: true },
      { key: false, layer: 2, sync: false },
      { key: false, layer: 0, sync: false },
    ]);
  });

  it('what a receiver came to is read once more after it was closed', async () => {
    await call();
    await received(50);
    const { receiver } = await figures();
    await generator.removeReceiver('receiver');
    expect((await generator.flows()).flows.receiver).toBeUndefined();
    const [packets = 0, , missing] = (await generator.flows({ reset: true })).flows.receiver ?? [];
    expect(packets).toBeGreaterThanOrEqual(receiver.packets);
    expect(missing).toBe(0);
    expect((await generator.flows({ reset: true })).flows.receiver).toBeUndefined();
  });

  it('a recording is played from its key frame on, again and again, and whenever one is asked for', async () => {
    // A stamp's place at the end of each packet of the key frame; descriptors as VP8 has them, whose bytes stay.
    const packet = (key: boolean): string =>
      Buffer.from(
        `10${key ? '10' : '11'}00009d012a80026801${'00'.repeat(40)}57534844${'00'.repeat(16)}`,
        'hex',
      ).toString('base64');
    await generator.addShape({
      shape: 'video',
      frames: [
        [10_000, [packet(true), packet(true)]],
        [10_000, [packet(false)]],
        [10_000, [packet(false)]],
      ],
    });
    await call();
    const { sender, receiver } = await received(100);
    expect(receiver).toMatchObject({ missing: 0, stampMissing: 0, switches: 0 });
    expect(receiver.stamped).toBe(receiver.packets);
    // One frame in three, and packets four for each of them.
    expect(sender.keyFrames * 3).toBeGreaterThanOrEqual(sender.frames);
    expect(receiver.keyFrames * 4).toBeGreaterThanOrEqual(receiver.packets - 4);
    await expect(generator.addShape({ shape: 'mixed', frames: [[10_000, ['AAAA']]] })).rejects.toThrow(
      '5 to 1400 bytes',
    );
  });

  it('the worker reads the reports of senders and receivers', async () => {
    const { producer, consumer } = await call();
    await waitFor('a round trip time', async () => {
      const [sent] = await producer.getStats();
      const [got] = await consumer.getStats();
      return (sent?.roundTripTime ?? 0) > 0 || (got?.roundTripTime ?? 0) > 0;
    });
    expect((await figures()).transports.subscriber?.rtcpReceived).toBeGreaterThan(0);
  });

  it('transport-wide feedback lets the worker raise what it thinks it may send', async () => {
    const estimating = await worker.createRouter({
      mediaCodecs: [
        {
          kind: 'video',
          ...VIDEO,
          preferredPayloadType: 96,
          rtcpFeedback: [...FEEDBACK, { type: 'transport-cc' }],
        },
      ],
    });
    const twcc = estimating.rtpCapabilities.headerExtensions?.find(({ uri }) =>
      uri.includes('transport-wide-cc'),
    );
    const { subscribing } = await call({
      at: estimating,
      subscriber: { twcc: twcc?.preferredId ?? 0 },
    });
    await received(50);
    await waitFor('a higher estimate', async () => {
      const [stats] = await subscribing.getStats();
      return (stats?.availableOutgoingBitrate ?? 0) > 1_000_000;
    });
    estimating.close();
  });

  it('an SFU is not believed when its certificate is another one than it signalled', async () => {
    const value = Array.from({ length: 32 }, () => '00').join(':');
    await connect(ends(), 'publisher', { fingerprints: [{ algorithm: 'sha-256', value }] });
    await expect(generator.connected('publisher')).rejects.toThrow('certificate');
  });

  it('a transport that the worker closes is told of', async () => {
    const transport = await connect(ends(), 'publisher');
    await generator.connected('publisher');
    transport.close();
    await waitFor('the closing', () => states.some(({ state }) => state === 'closed'));
  });
});

it('with keys known beforehand it needs neither ICE nor DTLS', async () => {
  const key = Buffer.alloc(44, 7).toString('base64');
  const srtp = { profile: 'AEAD_AES_256_GCM', send: key, receive: key } as const;
  const remote = { ip: '127.0.0.1', port: 9 };
  await generator.addTransport({ transport: 'a', bind: '127.0.0.1', remote, srtp });
  expect(await generator.connected('a')).toMatchObject({ state: 'connected', profile: 'AEAD_AES_256_GCM' });
});

it('refuses what makes no sense, says why, and goes on', async () => {
  const sender = { sender: 's', shape: 'video', codec: 'vp8', ssrc: 1, pt: 96, clockRate: 90_000 } as const;
  await expect(generator.addSender({ ...sender, transport: 'nobody' })).rejects.toThrow('no such transport');
  await expect(generator.addShape({ shape: 'x', frames: [[1000, [5000]]] })).rejects.toThrow('32 and 1400');
  await expect(generator.addShape({ shape: 'x', frames: [[0, [100]]] })).rejects.toThrow('too closely');
  await expect(generator.removeReceiver('nobody')).rejects.toThrow('no such receiver');
  await generator.addTransport({ transport: 'a', bind: '127.0.0.1', start: false });
  await expect(generator.addTransport({ transport: 'a', start: false })).rejects.toThrow('taken');
  await expect(generator.addSender({ ...sender, transport: 'a', shape: 'none' })).rejects.toThrow(
    'no such shape',
  );
  expect((await generator.stats()).totals.transports).toBe(1);
});
