import { createWorker, type types } from 'mediasoup';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../src/testing/wait.ts';
import { ensureWorker } from '../../workers/ensure.ts';
import type { Impairment } from '../agent/link.ts';
import { Relay } from '../agent/relay.ts';
import { Generator } from './generator.ts';
import { connect, type Ends, FEEDBACK, farEnd, publish, send, subscribe, VIDEO } from './testing/call.ts';

const SUBSCRIBERS = 12;
const ENOUGH = 900;
const HARM = { loss: 0.02, delay: 4, jitter: 12, reorder: 0.1, duplicate: 0.1 };
const NO_IMPAIRMENT: Impairment = { loss: 0, delay: 0, jitter: 0, reorder: 0, duplicate: 0 };

let worker: types.Worker;
let ends: Ends;
let relays: Relay[] = [];
let consumers: types.Consumer[] = [];

beforeAll(async () => {
  const { path } = await ensureWorker();
  worker = await createWorker({ workerBin: path, logLevel: 'error' });
}, 600_000);

afterAll(() => worker?.close());

beforeEach(async () => {
  const generator = await Generator.start();
  const router = await worker.createRouter({
    mediaCodecs: [{ kind: 'video', ...VIDEO, preferredPayloadType: 96, rtcpFeedback: FEEDBACK }],
  });
  const server = await worker.createWebRtcServer({ listenInfos: [{ protocol: 'udp', ip: '127.0.0.1' }] });
  ends = { generator, router, server };
  // Bursts of equal sizes with a shorter end, of differing ones, and single packets.
  const frames: [number, number[]][] = [
    [10_000, [700, 700, 700, 300]],
    [10_000, [942, 943, 942, 721]],
    [10_000, [120]],
  ];
  await generator.addShape({ shape: 'video', frames, keyFrame: [900, 900, 900] });
}, 60_000);

afterEach(async () => {
  await ends.generator.close();
  for (const relay of relays) relay.close();
  relays = [];
  consumers = [];
  ends.server.close();
  ends.router.close();
});

/** A transport that reaches the worker over a network of its own, which is good until told otherwise. */
async function over(name: string): Promise<{ transport: types.WebRtcTransport; relay: Relay }> {
  const relay = new Relay(relays.length + 1);
  const { route } = relay.link();
  relays.push(relay);
  const transport = await connect(ends, name, { start: false });
  const { candidates, ...far } = farEnd(transport);
  await ends.generator.startTransport(name, {
    ...far,
    candidates: await Promise.all(candidates.map(({ ip, port }) => route({ ip, port }))),
  });
  await ends.generator.connected(name);
  return { transport, relay };
}

/**
 * One who publishes and twelve who receive. The networks turn bad once media flows, and good again before the last
 * packets, of which nobody could know that they are missing. Returns what each got in the end: everything.
 */
async function call(bad: { readonly up?: Partial<Impairment>; readonly down?: Partial<Impairment> }) {
  const { transport, relay: up } = await over('publisher');
  const producer = await publish(transport);
  const downs: Relay[] = [];
  for (let i = 0; i < SUBSCRIBERS; i += 1) {
    const name = `subscriber${i}`;
    const { transport: receiving, relay } = await over(name);
    consumers.push(
      await subscribe(ends, receiving, producer, { transport: name, receiver: name, nack: true }),
    );
    downs.push(relay);
  }
  await send(ends.generator, 'publisher');
  await arrived('the first', 50);
  if (bad.up) up.impair({ ...NO_IMPAIRMENT, ...bad.up });
  if (bad.down) for (const down of downs) down.impair({ ...NO_IMPAIRMENT, ...bad.down });
  await arrived('enough', ENOUGH);
  for (const relay of relays) relay.impair(null);
  await arrived('the last', ENOUGH + 100);
  await ends.generator.setSender({ sender: 'sender', active: false });
  return arrived('everything', await sent());
}

/** Packets that the worker sent again to one subscriber. */
async function sentAgain(consumer: types.Consumer): Promise<number> {
  const stats = [...(await consumer.getStats())];
  return stats.reduce((sum, { type, packetsRetransmitted }) => {
    return type === 'outbound-rtp' ? sum + packetsRetransmitted : sum;
  }, 0);
}

async function sent(): Promise<number> {
  return (await ends.generator.stats({ detail: true })).senders?.sender?.packets ?? Number.NaN;
}

/** Waits until everyone has so many packets, sent again or not, each counted once. */
async function arrived(what: string, packets: number) {
  return waitFor(`${what} to arrive`, async () => {
    const { receivers = {} } = await ends.generator.stats({ detail: true });
    const got = Object.values(receivers);
    return got.every(({ stamped }) => stamped >= packets) ? got : false;
  });
}

describe('each subscriber gets every packet', () => {
  it('once, and in the order in which they were sent, over a good network', async () => {
    const got = await call({});
    expect(got).toHaveLength(SUBSCRIBERS);
    for (const receiver of got) {
      expect(receiver).toMatchObject({
        missing: 0,
        stampMissing: 0,
        reordered: 0,
        recovered: 0,
        duplicates: 0,
      });
    }
  });

  it('when they come to the worker late, lost, copied and out of order', async () => {
    const got = await call({ up: HARM });
    const { senders } = await ends.generator.stats({ detail: true });
    const retransmitted = senders?.sender?.retransmitted ?? 0;
    expect(retransmitted).toBeGreaterThan(5);
    const again = Math.max(...(await Promise.all(consumers.map(sentAgain))));
    for (const receiver of got) {
      expect(receiver).toMatchObject({ missing: 0, stampMissing: 0 });
      expect(receiver.reordered).toBeGreaterThan(20);
      // The network's copies end at the worker (RFC 3711 section 3.3.2); what was asked for too soon, there or here,
      // may come twice.
      expect(receiver.duplicates).toBeLessThanOrEqual(retransmitted + again);
    }
  });

  it('when they leave it over networks that lose, copy and reorder, each by itself', async () => {
    const got = await call({ down: HARM });
    for (const receiver of got) {
      expect(receiver).toMatchObject({ missing: 0, stampMissing: 0 });
      expect(receiver.recovered).toBeGreaterThan(5);
      expect(receiver.reordered).toBeGreaterThan(20);
      expect(receiver.duplicates).toBeGreaterThan(20);
    }
    expect(new Set(got.map(({ reordered }) => reordered)).size).toBeGreaterThan(1);
  });
});
