import { randomBytes } from 'node:crypto';
import { createSocket, type Socket } from 'node:dgram';
import { bindingRequest, STUN, stunAttribute } from '../../../loadtest/probes/stun.ts';
import type { TransportInfo } from '../../protocol/rtp.ts';

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
    this.#socket.send(check(iceParameters), port, address);
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

function check({ usernameFragment, password }: TransportInfo['iceParameters']): Buffer {
  return bindingRequest(password, [
    stunAttribute(STUN.username, Buffer.from(`${usernameFragment}:test`)),
    stunAttribute(STUN.priority, Buffer.from([0x6e, 0, 0, 0xff])),
  ]);
}
