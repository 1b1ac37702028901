import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createWorker, type types } from 'mediasoup';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ensureWorker } from './ensure.ts';
import { rtpPacket, rtpPayload } from './rtp-packet.ts';

const SSRC = 7;
const PAYLOAD_TYPE = 96;
const VP8 = { mimeType: 'video/VP8', clockRate: 90_000 } as const;
const HOST = '127.0.0.1';

const opened: { close(): void }[] = [];
afterEach(() => {
  for (const one of opened.splice(0).reverse()) one.close();
});

async function openSocket(): Promise<Socket> {
  const socket = createSocket('udp4').bind(0, HOST);
  opened.push(socket);
  await once(socket, 'listening');
  return socket;
}

/** A frame of one packet (RFC 7741 section 4.2, with picture id, TL0PICIDX and TID); its number is its last byte. */
function frame(number: number, layer: number, key: boolean, sync: boolean): Buffer {
  const descriptor = [0x90, 0xe0, 0x80, number, number, (layer << 6) | (sync ? 0x20 : 0)];
  const head = key ? [0x10, 0, 0, 0x9d, 0x01, 0x2a, 0x80, 0x02, 0x68, 0x01] : [0x11, 0, 0];
  const fields = { payloadType: PAYLOAD_TYPE, sequence: number, timestamp: number * 3000, ssrc: SSRC };
  return rtpPacket(fields, Buffer.from([...descriptor, ...head, number]));
}

/** Numbers of the frames that come of one encoding of VP8 with three temporal layers, and what puts frames in. */
async function forwarding() {
  const { path } = await ensureWorker();
  const worker: types.Worker = await createWorker({ workerBin: path, logLevel: 'error' });
  opened.push(worker);
  const router = await worker.createRouter({
    mediaCodecs: [{ kind: 'video', preferredPayloadType: PAYLOAD_TYPE, ...VP8 }],
  });
  const plain = { listenInfo: { protocol: 'udp', ip: HOST }, rtcpMux: true } as const;
  const source = await router.createPlainTransport({ ...plain, comedia: true });
  const producer = await source.produce({
    kind: 'video',
    rtpParameters: {
      codecs: [{ payloadType: PAYLOAD_TYPE, ...VP8 }],
      encodings: [{ ssrc: SSRC, scalabilityMode: 'L1T3' }],
    },
  });
  const sink = await router.createPlainTransport(plain);
  const [sender, receiver] = [await openSocket(), await openSocket()];
  await sink.connect({ ip: HOST, port: receiver.address().port });
  const { rtpCapabilities } = router;
  const consumer = await sink.consume({ producerId: producer.id, rtpCapabilities, paused: true });
  const got: number[] = [];
  receiver.on('message', (packet) => {
    // What the worker sends to find out what a line holds has a payload type of its own.
    if ((packet.readUInt8(1) & 0x7f) !== PAYLOAD_TYPE) return;
    got.push(rtpPayload(packet)?.at(-1) ?? -1);
  });
  const send = (...packets: Buffer[]): void => {
    for (const packet of packets) sender.send(packet, source.tuple.localPort, HOST);
  };
  return { producer, consumer, got, send };
}

describe('one encoding of VP8 with temporal layers', () => {
  it.each([
    { target: 2, sync: true },
    { target: 2, sync: false },
    { target: 0, sync: false },
  ])(
    'begins with a key frame (layer $target is wanted; layer sync $sync)',
    async ({ target, sync }) => {
      const { producer, consumer, got, send } = await forwarding();
      // The worker knows of layers by their bitrate, which frames before the consumer begins give it.
      send(...[0, 2, 1, 2].map((layer, index) => frame(index + 1, layer, index === 0, true)));
      await vi.waitFor(async () => expect((await producer.getStats())[0]?.packetCount).toBe(4), 5_000);
      await consumer.setPreferredLayers({ spatialLayer: 0, temporalLayer: target });
      await consumer.resume();
      send(frame(5, 0, true, sync), frame(6, 0, false, false), frame(7, 0, false, false));
      await vi.waitFor(() => expect(got.at(-1)).toBe(7), 5_000);
      expect(got).toEqual([5, 6, 7]);
    },
    60_000,
  );
});
