import { connect, type Socket } from 'node:net';
import type { Random } from './random.ts';

const MOST = 12;

/** Clients of a worker's TCP ports that come, send frames (RFC 4571), whole or cut, read or not, and go. */
export class TcpClients {
  readonly #random: Random;
  readonly #open: { readonly port: number; readonly socket: Socket }[] = [];

  constructor(random: Random) {
    this.#random = random;
  }

  /** Sends a packet to a port, by a connection that is there or a new one. */
  send(packet: Buffer, port: number): void {
    const r = this.#random;
    const there = this.#open.filter((client) => client.port === port && client.socket.writable);
    const socket = there.length === 0 || r.below(4) === 0 ? this.#connect(port) : r.pick(there).socket;
    const frame = Buffer.alloc(2 + packet.length);
    frame.writeUInt16BE(packet.length, 0);
    packet.copy(frame, 2);
    socket.write(r.below(8) === 0 ? frame.subarray(0, r.below(frame.length)) : frame);
    if (r.below(8) === 0) r.pick([socket.destroy, socket.resetAndDestroy, socket.end]).call(socket);
  }

  close(): void {
    for (const { socket } of this.#open) socket.destroy();
  }

  #connect(port: number): Socket {
    const socket = connect({ port, host: '127.0.0.1' });
    // A port that is closed by now, a connection that the worker ended: both are meant to happen.
    socket.on('error', () => {});
    if (this.#random.below(4) > 0) socket.resume();
    this.#open.push({ port, socket });
    if (this.#open.length > MOST) this.#open.shift()?.socket.destroy();
    return socket;
  }
}
