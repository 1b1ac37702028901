import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { PipeEnd } from '../types.ts';
import type { Between } from './two-nodes.ts';

/**
 * Stands between the two ends of each pipe, as a network that loses packets does. Every packet passes by
 * `forwards`, which may look at it, and says whether it goes on; it does so after as many ms as `delay` says.
 */
export class UdpRelay implements Between {
  readonly #forwards: (packet: Buffer, direction: 'media' | 'feedback') => boolean;
  readonly #delay: () => number;
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #sockets: Socket[] = [];
  readonly #pairs = new Map<number, Promise<{ toReceiver: Socket; toSender: Socket }>>();

  constructor(
    forwards: (packet: Buffer, direction: 'media' | 'feedback') => boolean,
    delay: () => number = () => 0,
  ) {
    this.#forwards = forwards;
    this.#delay = delay;
  }

  async ends(receiver: PipeEnd): Promise<{ receiver: PipeEnd; sender(sender: PipeEnd): PipeEnd }> {
    let pair = this.#pairs.get(receiver.port);
    if (!pair) {
      pair = this.#pair(receiver);
      this.#pairs.set(receiver.port, pair);
    }
    const { toReceiver, toSender } = await pair;
    return {
      receiver: { ...receiver, ip: '127.0.0.1', port: toSender.address().port },
      sender: (sender) => {
        if (toReceiver.listenerCount('message') === 0) {
          toReceiver.on('message', (packet) => {
            if (this.#forwards(packet, 'feedback')) {
              this.#later(() => toSender.send(packet, sender.port, sender.ip));
            }
          });
        }
        return { ...sender, ip: '127.0.0.1', port: toReceiver.address().port };
      },
    };
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    for (const socket of this.#sockets) socket.close();
  }

  #later(send: () => void): void {
    const delay = this.#delay();
    if (delay === 0) {
      send();
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      send();
    }, delay);
    this.#timers.add(timer);
  }

  async #pair(receiver: PipeEnd): Promise<{ toReceiver: Socket; toSender: Socket }> {
    const [toReceiver, toSender] = [await this.#socket(), await this.#socket()];
    toSender.on('message', (packet) => {
      if (this.#forwards(packet, 'media')) {
        this.#later(() => toReceiver.send(packet, receiver.port, receiver.ip));
      }
    });
    return { toReceiver, toSender };
  }

  async #socket(): Promise<Socket> {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    this.#sockets.push(socket);
    await once(socket, 'listening');
    return socket;
  }
}
