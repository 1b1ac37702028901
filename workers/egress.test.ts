import { execFileSync } from 'node:child_process';
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createWorker, type types } from 'mediasoup';
import { afterAll, afterEach, describe, expect, it, vi } from 'vitest';
import { openVeth, type Veth } from '../src/testing/namespaces.ts';
import { ensureWorker } from './ensure.ts';
import { rtpPacket } from './rtp-packet.ts';

const PAYLOAD_TYPE = 100;
const SSRC = 7;
/** Equal ones, a shorter one behind them, longer ones, and one too big for any path but loopback. */
const SIZES = [900, 900, 900, 901, 700, 700, 1200, 40, 1200, 1200, 1200, 5000, 5000, 300];

/** A way that packets take through a worker and back. */
interface Path {
  /** Where the worker takes the packets. */
  readonly workerIp: string;
  /** Where they are sent from. */
  readonly senderIp: string;
  /** For each who gets them, the worker's address and its own. */
  readonly sinks: readonly { readonly from: string; readonly to: string }[];
  /** Of the worker's sockets that send, bytes. */
  readonly sendBufferSize?: number;
  readonly bursts: number;
}

const opened: { close(): void }[] = [];
afterEach(() => {
  for (const one of opened.splice(0).reverse()) one.close();
});

async function openWorker(workerBin: string): Promise<types.Worker> {
  const worker = await createWorker({ workerBin, logLevel: 'error' });
  opened.push(worker);
  return worker;
}

async function openSocket(ip: string): Promise<Socket> {
  const socket = createSocket(ip.includes(':') ? 'udp6' : 'udp4').bind(0, ip);
  opened.push(socket);
  await once(socket, 'listening');
  socket.setRecvBufferSize(4_000_000);
  return socket;
}

/** Forwards bursts of SIZES to each sink; the numbers of the packets that it got, whole (else -1), as they came. */
async function forward(worker: types.Worker, path: Path): Promise<number[][]> {
  const codec = { mimeType: 'audio/opus', clockRate: 48000, channels: 2 } as const;
  const router = await worker.createRouter({
    mediaCodecs: [{ kind: 'audio', preferredPayloadType: PAYLOAD_TYPE, ...codec }],
  });
  const source = await router.createPlainTransport({
    listenInfo: { protocol: 'udp', ip: path.workerIp, recvBufferSize: 4_000_000 },
    comedia: true,
    rtcpMux: true,
  });
  const producer = await source.produce({
    kind: 'audio',
    rtpParameters: { codecs: [{ payloadType: PAYLOAD_TYPE, ...codec }], encodings: [{ ssrc: SSRC }] },
  });
  const got: number[][] = [];
  for (const { from, to } of path.sinks) {
    const { sendBufferSize } = path;
    const sink = await router.createPlainTransport({
      listenInfo: { protocol: 'udp', ip: from, ...(sendBufferSize !== undefined && { sendBufferSize }) },
      rtcpMux: true,
    });
    const socket = await openSocket(to);
    await sink.connect({ ip: to, port: socket.address().port });
    await sink.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities });
    const numbers: number[] = [];
    got.push(numbers);
    socket.on('message', (packet) => {
      const type = packet[1] ?? 0;
      if (type >= 192 && type <= 223) return;
      // The payload says which it is; its length, that it is whole.
      const start = 12 + (packet.readUInt8(0) & 0x10 ? 4 + packet.readUInt16BE(14) * 4 : 0);
      const index = packet.readUInt32BE(start);
      numbers.push(packet.length - start === SIZES[index % SIZES.length] ? index : -1);
    });
  }
  const sender = await openSocket(path.senderIp);
  let index = 0;
  for (let burst = 0; burst < path.bursts; burst += 1) {
    for (const size of SIZES) {
      const payload = Buffer.alloc(size);
      payload.writeUInt32BE(index, 0);
      const fields = { payloadType: PAYLOAD_TYPE, sequence: index, timestamp: burst * 960, ssrc: SSRC };
      sender.send(rtpPacket(fields, payload), source.tuple.localPort, path.workerIp);
      index += 1;
    }
    // Not more at once than the sockets' buffers take.
    await vi.waitFor(() => expect(got.every((numbers) => numbers.length === index)).toBe(true), 20_000);
  }
  return got;
}

/** A namespace at the end of a thin line with an MTU of 1000; undefined where none may be made, as in a container. */
function openThinLine() {
  const subnet = `10.234.${process.pid % 256}`;
  const [here, there] = [`${subnet}.1`, `${subnet}.2`];
  const dir = mkdtempSync(join(tmpdir(), 'watershed-egress-'));
  let veth: Veth | undefined;
  const close = (): void => {
    rmSync(dir, { recursive: true, force: true });
    veth?.close();
  };
  try {
    veth = openVeth({ prefix: 'watershed-egress-', device: 'wse', here, there, mtu: 1000 });
    const shape = ['root', 'tbf', 'rate', '20mbit', 'burst', '3000', 'limit', '10000000'];
    execFileSync('tc', ['-n', veth.namespace, 'qdisc', 'add', 'dev', veth.inner, ...shape], {
      stdio: 'ignore',
    });
  } catch {
    close();
    return undefined;
  }
  const command = veth.command.join(' ');
  return {
    here,
    there,
    /** The same worker within the namespace. */
    within(workerBin: string): string {
      const script = join(dir, 'mediasoup-worker');
      writeFileSync(script, `#!/bin/sh\nexec ${command} '${workerBin}' "$@"\n`, { mode: 0o755 });
      return script;
    },
    close,
  };
}

const line = openThinLine();
afterAll(() => line?.close());

const inOrder = (path: Path): number[] => Array.from({ length: SIZES.length * path.bursts }, (_, i) => i);

describe('what the worker sends', () => {
  it('arrives whole and in order at each destination, over IPv4 and IPv6, in few calls', async () => {
    const worker = await openWorker((await ensureWorker()).path);
    const path: Path = {
      workerIp: '127.0.0.1',
      senderIp: '127.0.0.1',
      sinks: ['127.0.0.1', '127.0.0.1', '::1', '127.0.0.1', '::1'].map((ip) => ({ from: ip, to: ip })),
      bursts: 40,
    };
    const got = await forward(worker, path);
    for (const numbers of got) expect(numbers).toEqual(inOrder(path));

    const usage = await worker.getResourceUsage();
    expect(usage.ru_msgsnd).toBeGreaterThanOrEqual(inOrder(path).length * got.length);
    expect(usage.ru_isrss).toBeGreaterThan(0);
    expect(usage.ru_ixrss).toBeLessThan(usage.ru_msgsnd);
    expect(usage.ru_nsignals).toBe(0);
  });

  it.skipIf(line === undefined)(
    'arrives whole and in order over a path that takes no segments of its size, and from a socket without room',
    async () => {
      if (line === undefined) throw new Error('no line');
      const worker = await openWorker(line.within((await ensureWorker()).path));
      const path: Path = {
        workerIp: line.there,
        senderIp: line.here,
        sinks: [1, 2, 3].map(() => ({ from: line.there, to: line.here })),
        // The least that Linux gives.
        sendBufferSize: 4608,
        bursts: 10,
      };
      const got = await forward(worker, path);
      for (const numbers of got) expect(numbers).toEqual(inOrder(path));

      const usage = await worker.getResourceUsage();
      expect(usage.ru_nswap).toBeGreaterThan(0);
      expect(usage.ru_nsignals).toBe(0);
    },
  );
});
