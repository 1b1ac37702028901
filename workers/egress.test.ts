import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createWorker, type types } from 'mediasoup';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { ensureWorker } from './ensure.ts';
import { rtpPacket } from './rtp-packet.ts';

const PAYLOAD_TYPE = 100;
const SSRC = 7;
/** Equal ones, a shorter one behind them, longer ones, and one too big for any path but loopback. */
const SIZES = [900, 900, 900, 901, 700, 700, 1200, 40, 1200, 1200, 1200, 5000, 5000, 300];
const BURSTS = 40;

let worker: types.Worker;
const sockets: Socket[] = [];
beforeAll(async () => {
  worker = await createWorker({ workerBin: (await ensureWorker()).path, logLevel: 'error' });
});
afterAll(() => {
  for (const socket of sockets) socket.close();
  worker.close();
});

async function socketOn(ip: string): Promise<Socket> {
  const socket = createSocket(ip.includes(':') ? 'udp6' : 'udp4').bind(0, ip);
  sockets.push(socket);
  await once(socket, 'listening');
  socket.setRecvBufferSize(4_000_000);
  return socket;
}

describe('what the worker sends', () => {
  it('arrives whole and in order at each destination, over IPv4 and IPv6, in few calls', async () => {
    const codec = { mimeType: 'audio/opus', clockRate: 48000, channels: 2 } as const;
    const router = await worker.createRouter({
      mediaCodecs: [{ kind: 'audio', preferredPayloadType: PAYLOAD_TYPE, ...codec }],
    });
    const source = await router.createPlainTransport({
      listenInfo: { protocol: 'udp', ip: '127.0.0.1', recvBufferSize: 4_000_000 },
      comedia: true,
      rtcpMux: true,
    });
    const producer = await source.produce({
      kind: 'audio',
      rtpParameters: { codecs: [{ payloadType: PAYLOAD_TYPE, ...codec }], encodings: [{ ssrc: SSRC }] },
    });
    const got: number[][] = [];
    for (const ip of ['127.0.0.1', '127.0.0.1', '::1', '127.0.0.1', '::1']) {
      const sink = await router.createPlainTransport({ listenInfo: { protocol: 'udp', ip }, rtcpMux: true });
      const socket = await socketOn(ip);
      await sink.connect({ ip, port: socket.address().port });
      await sink.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities });
      const sizes: number[] = [];
      got.push(sizes);
      socket.on('message', (packet) => {
        const type = packet[1] ?? 0;
        if (type >= 192 && type <= 223) return;
        // The payload says which it is; its length, that it is whole.
        const start = 12 + (packet.readUInt8(0) & 0x10 ? 4 + packet.readUInt16BE(14) * 4 : 0);
        const index = packet.readUInt32BE(start);
        sizes.push(packet.length - start === SIZES[index % SIZES.length] ? index : -1);
      });
    }
    const sender = await socketOn('127.0.0.1');
    const total = SIZES.length * BURSTS;
    let index = 0;
    for (let burst = 0; burst < BURSTS; burst += 1) {
      for (const size of SIZES) {
        const payload = Buffer.alloc(size);
        payload.writeUInt32BE(index, 0);
        const fields = { payloadType: PAYLOAD_TYPE, sequence: index, timestamp: burst * 960, ssrc: SSRC };
        sender.send(rtpPacket(fields, payload), source.tuple.localPort, '127.0.0.1');
        index += 1;
      }
      // Not more at once than the sockets' buffers take.
      await vi.waitFor(() => expect(got.every((sizes) => sizes.length === index)).toBe(true), 20_000);
    }
    const all = Array.from({ length: total }, (_, i) => i);
    for (const sizes of got) expect(sizes).toEqual(all);

    const usage = await worker.getResourceUsage();
    expect(usage.ru_msgsnd).toBeGreaterThanOrEqual(total * got.length);
    expect(usage.ru_isrss).toBeGreaterThan(0);
    expect(usage.ru_ixrss).toBeLessThan(usage.ru_msgsnd);
    expect(usage.ru_nsignals).toBe(0);
  });
});
