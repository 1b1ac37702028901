import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { isLoopbackAddress } from '../measure/local-address.ts';
import { Bottleneck } from './bottleneck.ts';
import type { Route } from './engine.ts';

/** What becomes of datagrams on their way, in each direction. Shares from 0 to 1, times in ms. */
export interface Impairment {
  readonly loss: number;
  readonly delay: number;
  /** Added to the delay at random, at most. */
  readonly jitter: number;
  /** Share that goes ahead of others, without the delay. */
  readonly reorder: number;
  readonly duplicate: number;
  /** kbit/s towards the participant and from it, IP headers included; undefined: no limit. */
  readonly down?: number | undefined;
  readonly up?: number | undefined;
}

export interface LinkOptions {
  readonly random: () => number;
  /** What is done to datagrams now; null: everything passes at once. */
  readonly impairment: () => Impairment | null;
  readonly onClosed?: () => void;
}

/** Receive buffer of each socket, in bytes: a burst must not be lost here, where nobody meant it to be. */
const BUFFER = 4 * 1024 * 1024;

/**
 * One participant's line: a port on loopback for each address that it reaches, and one socket for each that it sends
 * from, as a NAT has. Both directions are one line each, however many addresses there are.
 */
export class Link {
  readonly #options: LinkOptions;
  readonly #fronts = new Map<string, Promise<{ ip: string; port: number }>>();
  readonly #sockets: Socket[] = [];
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #down = new Bottleneck();
  readonly #up = new Bottleneck();
  #closed = false;

  constructor(options: LinkOptions) {
    this.#options = options;
  }

  readonly route: Route = ({ ip, port }) => {
    const key = `${ip} ${port}`;
    const known = this.#fronts.get(key) ?? this.#front(ip, port);
    this.#fronts.set(key, known);
    return known;
  };

  close(): void {
    if (!this.#closed) this.#options.onClosed?.();
    this.#closed = true;
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#sockets.splice(0)) socket.close();
    this.#down.close();
    this.#up.close();
  }

  async #front(ip: string, port: number): Promise<{ ip: string; port: number }> {
    const near = await this.#bind('127.0.0.1');
    const far = new Map<string, Promise<Socket>>();
    near.on('message', async (datagram, sender) => {
      const key = `${sender.address} ${sender.port}`;
      const known = far.get(key) ?? this.#far(ip, near, sender);
      far.set(key, known);
      const socket = await known;
      this.#pass(this.#up, 'up', datagram, () => socket.send(datagram, port, ip));
    });
    return { ip: '127.0.0.1', port: near.address().port };
  }

  /** Sends as the participant does, from its own address, which says where it is. */
  async #far(ip: string, near: Socket, sender: { address: string; port: number }): Promise<Socket> {
    const socket = await this.#bind(isLoopbackAddress(ip) ? sender.address : '0.0.0.0');
    socket.on('message', (answer) =>
      this.#pass(this.#down, 'down', answer, () => near.send(answer, sender.port, sender.address)),
    );
    return socket;
  }

  async #bind(address: string): Promise<Socket> {
    const socket = createSocket('udp4');
    // ICMP "port unreachable" of a far end that is gone: datagrams get lost then, that is all.
    socket.on('error', () => undefined);
    socket.bind(0, address);
    await once(socket, 'listening');
    socket.setRecvBufferSize(BUFFER);
    this.#sockets.push(socket);
    if (this.#closed) this.close();
    return socket;
  }

  #pass(line: Bottleneck, direction: 'down' | 'up', { length }: Buffer, deliver: () => void): void {
    const send = (): void => {
      if (!this.#closed) deliver();
    };
    const impairment = this.#options.impairment();
    if (impairment === null) {
      line.pass(length, undefined, send);
      return;
    }
    const { random } = this.#options;
    const { loss, delay, jitter, reorder, duplicate } = impairment;
    if (random() < loss) return;
    const copies = random() < duplicate ? 2 : 1;
    const wait = random() < reorder ? 0 : delay + random() * jitter;
    for (let copy = 0; copy < copies; copy += 1)
      line.pass(length, impairment[direction], () => this.#later(wait, send));
  }

  #later(wait: number, send: () => void): void {
    if (wait < 1) {
      send();
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      send();
    }, wait);
    this.#timers.add(timer);
  }
}
