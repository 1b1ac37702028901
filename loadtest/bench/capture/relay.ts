import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

/** An RTP packet as it went by. Headers are in the clear under SRTP. */
export interface Passed {
  readonly ssrc: number;
  readonly timestamp: number;
  /** Bytes of RTP payload, the authentication tag taken off. */
  readonly size: number;
}

/** Stands between a browser and an SFU's UDP port, passes datagrams both ways, and notes the browser's RTP. */
export interface Relay {
  readonly port: number;
  /** The packets since the last call. */
  take(): Passed[];
  close(): void;
}

/** Of AEAD_AES_256_GCM, which Chromium and mediasoup agree on. */
const TAG_BYTES = 16;

export async function startRelay(target: { readonly ip: string; readonly port: number }): Promise<Relay> {
  const [near, far] = [await bound(), await bound()];
  let browser: { address: string; port: number } | undefined;
  let passed: Passed[] = [];
  near.on('message', (datagram, from) => {
    browser = from;
    const packet = readPacket(datagram);
    if (packet !== undefined) passed.push(packet);
    far.send(datagram, target.port, target.ip);
  });
  far.on('message', (datagram) => {
    if (browser !== undefined) near.send(datagram, browser.port, browser.address);
  });
  return {
    port: near.address().port,
    take() {
      const taken = passed;
      passed = [];
      return taken;
    },
    close() {
      near.close();
      far.close();
    },
  };
}

async function bound(): Promise<Socket> {
  const socket = createSocket({ type: 'udp4', recvBufferSize: 4 << 20 });
  socket.bind(0, '127.0.0.1');
  await once(socket, 'listening');
  return socket;
}

function readPacket(datagram: Buffer): Passed | undefined {
  if (datagram.length < 12 || datagram.readUInt8(0) >> 6 !== 2) return undefined;
  const type = datagram.readUInt8(1);
  if (type >= 192 && type <= 223) return undefined;
  let header = 12 + 4 * (datagram.readUInt8(0) & 15);
  if ((datagram.readUInt8(0) & 0x10) !== 0) header += 4 + 4 * datagram.readUInt16BE(header + 2);
  return {
    ssrc: datagram.readUInt32BE(8),
    timestamp: datagram.readUInt32BE(4),
    size: datagram.length - header - TAG_BYTES,
  };
}
