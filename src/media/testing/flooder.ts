import { createHmac, randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { crc32 } from 'node:zlib';
import type { TransportInfo } from '../../protocol/rtp.ts';

const BINDING_REQUEST = 0x0001;
const MAGIC_COOKIE = 0x2112a442;
const STUN = { username: 0x0006, integrity: 0x0008, priority: 0x0024, fingerprint: 0x8028 };
const FINGERPRINT_MASK = 0x5354554e;
const PACKET_BYTES = 1200;
const EVERY_MS = 20;

/** Who passes ICE on a transport, and then sends what nobody asked for. */
export class Flooder {
  readonly #socket: Socket = createSocket('udp4');
  #timer: NodeJS.Timeout | undefined;

  /** Sends at least `bitrate` bit/s to the transport, until `close`. */
  start({ iceParameters, iceCandidates: [candidate] }: TransportInfo, bitrate: number): void {
    if (candidate === undefined) throw new Error('no candidate');
    const { address, port } = candidate;
    this.#socket.send(bindingRequest(iceParameters), port, address);
    const packets = Math.ceil((bitrate * EVERY_MS) / (PACKET_BYTES * 8 * 1000));
    this.#timer = setInterval(() => {
      for (let sent = 0; sent < packets; sent++) this.#socket.send(rtcpLike(), port, address);
    }, EVERY_MS);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#socket.close();
  }
}

/** What reads as RTCP (RFC 5761) until it is decrypted. */
function rtcpLike(): Buffer {
  const packet = randomBytes(PACKET_BYTES);
  packet.writeUInt16BE(0x80c9, 0);
  return packet;
}

/** RFC 8489, with the short-term credentials of ICE (RFC 8445). */
function bindingRequest({ usernameFragment, password }: TransportInfo['iceParameters']): Buffer {
  const header = Buffer.alloc(8);
  header.writeUInt16BE(BINDING_REQUEST, 0);
  header.writeUInt32BE(MAGIC_COOKIE, 4);
  const username = attribute(STUN.username, Buffer.from(`${usernameFragment}:test`));
  const priority = attribute(STUN.priority, Buffer.from([0x6e, 0, 0, 0xff]));
  let message: Buffer = Buffer.concat([header, randomBytes(12), username, priority]);
  message = append(message, STUN.integrity, 20, (signed) =>
    createHmac('sha1', password).update(signed).digest(),
  );
  return append(message, STUN.fingerprint, 4, (summed) => {
    const sum = Buffer.alloc(4);
    sum.writeUInt32BE((crc32(summed) ^ FINGERPRINT_MASK) >>> 0);
    return sum;
  });
}

/** Adds what is made of everything before it, where the header counts it already. */
function append(message: Buffer, type: number, bytes: number, make: (before: Buffer) => Buffer): Buffer {
  message.writeUInt16BE(message.length - 20 + 4 + bytes, 2);
  return Buffer.concat([message, attribute(type, make(message))]);
}

function attribute(type: number, value: Buffer): Buffer {
  const padded = Buffer.alloc(4 + Math.ceil(value.length / 4) * 4);
  padded.writeUInt16BE(type, 0);
  padded.writeUInt16BE(value.length, 2);
  value.copy(padded, 4);
  return padded;
}
