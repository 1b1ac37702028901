import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { randomFrom } from '../measure/random.ts';
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
}

export interface Relay {
  readonly route: Route;
  /** Null: everything passes at once. */
  impair(impairment: Impairment | null): void;
  close(): Promise<void>;
}

/** Receive buffer of each socket, in bytes: a burst must not be lost here, where nobody meant it to be. */
const BUFFER = 4 * 1024 * 1024;

/**
 * A relay of UDP datagrams on loopback, for machines whose kernel has no netem: one port for each address behind
 * it, and one socket for each sender, as a NAT has. The seed decides which datagrams are harmed.
 */
export async function startRelay(seed: number): Promise<Relay> {
  const random = randomFrom(seed);
  const fronts = new Map<string, Promise<{ ip: string; port: number }>>();
  const sockets: Socket[] = [];
  const timers = new Set<NodeJS.Timeout>();
  let impairment: Impairment | null = null;

  const bind = async (): Promise<Socket> => {
    const socket = createSocket('udp4');
    sockets.push(socket);
    // ICMP "port unreachable" of a far end that is gone: datagrams get lost then, that is all.
    socket.on('error', () => undefined);
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    socket.setRecvBufferSize(BUFFER);
    return socket;
  };

  const pass = (send: () => void): void => {
    if (impairment === null) {
      send();
      return;
    }
    const { loss, delay, jitter, reorder, duplicate } = impairment;
    if (random() < loss) return;
    const copies = random() < duplicate ? 2 : 1;
    const wait = random() < reorder ? 0 : delay + random() * jitter;
    for (let copy = 0; copy < copies; copy += 1) {
      if (wait < 1) send();
      else {
        const timer = setTimeout(() => {
          timers.delete(timer);
          send();
        }, wait);
        timers.add(timer);
      }
    }
  };

  const front = async (ip: string, port: number): Promise<{ ip: string; port: number }> => {
    const near = await bind();
    const far = new Map<number, Promise<Socket>>();
    near.on('message', async (datagram, sender) => {
      let known = far.get(sender.port);
      if (known === undefined) {
        known = bind().then((socket) => {
          socket.on('message', (answer) => pass(() => near.send(answer, sender.port, sender.address)));
          return socket;
        });
        far.set(sender.port, known);
      }
      const socket = await known;
      pass(() => socket.send(datagram, port, ip));
    });
    return { ip: '127.0.0.1', port: near.address().port };
  };

  return {
    route: ({ ip, port }) => {
      const key = `${ip} ${port}`;
      const known = fronts.get(key) ?? front(ip, port);
      fronts.set(key, known);
      return known;
    },
    impair: (wanted) => {
      impairment = wanted;
    },
    async close() {
      for (const timer of timers) clearTimeout(timer);
      for (const socket of sockets) socket.close();
    },
  };
}
