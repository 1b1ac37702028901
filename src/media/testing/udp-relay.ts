import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { PipeEnd } from '../types.ts';
import type { Between } from './two-nodes.ts';

/**
 * Stands between the two ends of each pipe, as a network that loses packets does. Every packet passes by
 * `forwards`, which may look at it, and says whether it goes on.
 */
export class UdpRelay implements Between {
  readonly #forwards: (packet: Buffer, direction: 'media' | 'feedback') => boolean;
  readonly #sockets: Socket[] = [];
  readonly #pairs = new Map<number, Promise<{ toReceiver: Socket; toSender: Socket }>>();

  constructor(forwards: (packet: Buffer, direction: 'media' | 'feedback') => boolean) {
    this.#forwards = forwards;
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
            if (this.#forwards(packet, 'feedback')) toSender.send(packet, sender.port, sender.ip);
          });
        }
        return { ...sender, ip: '127.0.0.1', port: toReceiver.address().port };
      },
    };
  }

  close(): void {
    for (const socket of this.#sockets) socket.close();
  }

  async #pair(receiver: PipeEnd): Promise<{ toReceiver: Socket; toSender: Socket }> {
    const [toReceiver, toSender] = [await this.#socket(), await this.#socket()];
    toSender.on('message', (packet) => {
      if (this.#forwards(packet, 'media')) toReceiver.send(packet, receiver.port, receiver.ip);
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
