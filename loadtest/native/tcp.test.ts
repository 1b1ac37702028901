import { createWorker, type types } from 'mediasoup';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { waitFor } from '../../src/testing/wait.ts';
import { ensureWorker } from '../../workers/ensure.ts';
import { Generator } from './generator.ts';
import { connect, FEEDBACK, publish, send, subscribe, VIDEO } from './testing/call.ts';

const SUBSCRIBERS = 3;
/** Packets of a frame, each of which arrives as one burst. */
const SIZES = [700, 1100, 1100, 40, 300, 900];

let worker: types.Worker;
let router: types.Router;
let server: types.WebRtcServer;
let generator: Generator;

beforeAll(async () => {
  worker = await createWorker({ workerBin: (await ensureWorker()).path, logLevel: 'error' });
  router = await worker.createRouter({
    mediaCodecs: [{ kind: 'video', ...VIDEO, preferredPayloadType: 96, rtcpFeedback: FEEDBACK }],
  });
  server = await worker.createWebRtcServer({ listenInfos: [{ protocol: 'tcp', ip: '127.0.0.1' }] });
}, 600_000);

afterAll(() => worker?.close());

beforeEach(async () => {
  generator = await Generator.start({});
  await generator.addShape({ shape: 'video', frames: [[10_000, SIZES]], keyFrame: SIZES });
}, 60_000);

afterEach(() => generator.close());

describe('over TCP', () => {
  it('every packet arrives, in order, and what comes at once leaves by few calls', async () => {
    const ends = { generator, router, server };
    const publishing = await connect(ends, 'publisher', { tcp: true });
    await generator.connected('publisher');
    const producer = await publish(publishing);
    for (let i = 0; i < SUBSCRIBERS; i += 1) {
      const transport = `subscriber${i}`;
      const subscribing = await connect(ends, transport, { tcp: true });
      await generator.connected(transport);
      await subscribe(ends, subscribing, producer, { transport, receiver: `receiver${i}`, nack: false });
    }
    const before = await worker.getResourceUsage();
    await send(generator, 'publisher');
    await waitFor('packets', async () => (await generator.stats({})).totals.received >= 3000);
    await generator.setSender({ sender: 'sender', active: false });

    const { sender } = (await generator.stats({ detail: true })).senders ?? {};
    await waitFor('the rest', async () => {
      const { received } = (await generator.stats({})).totals;
      return received === (sender?.packets ?? 0) * SUBSCRIBERS;
    });
    const { totals } = await generator.stats({});
    expect(totals).toMatchObject({
      missing: 0,
      reordered: 0,
      duplicates: 0,
      stampMissing: 0,
      authFailures: 0,
    });
    expect(totals.sendErrors).toBe(0);

    const usage = await worker.getResourceUsage();
    const packets = usage.ru_msgsnd - before.ru_msgsnd;
    expect(packets).toBeGreaterThanOrEqual(totals.received);
    expect(usage.ru_ixrss - before.ru_ixrss).toBeLessThan(packets / 2);
    expect(usage.ru_nsignals).toBe(0);
  });
});
