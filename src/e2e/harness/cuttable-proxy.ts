import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { portOf } from '../../testing/free-port.ts';

/** A TCP proxy on loopback whose line can be cut and mended: a client's lost network, made on purpose. */
export interface CuttableProxy {
  readonly port: number;
  /** Every byte that went from the server to clients so far. */
  received(): string;
  /** Destroys open connections and refuses new ones. */
  cut(): void;
  /** Keeps connections, and those that are made meanwhile, and carries nothing: packets that get lost. */
  stall(): void;
  mend(): void;
  close(): Promise<void>;
}

export async function startCuttableProxy(
  targetPort: number,
  targetHost = '127.0.0.1',
  /** How long everything takes in each direction, in ms. */
  delayMs = 0,
): Promise<CuttableProxy> {
  const open = new Set<Socket>();
  const chunks: Buffer[] = [];
  let isCut = false;
  let isStalled = false;
  const track = (socket: Socket) => {
    open.add(socket);
    socket.on('error', () => socket.destroy());
    socket.on('close', () => open.delete(socket));
  };
  // Timers of one duration keep their order.
  const later = (then: () => void): void => {
    if (delayMs === 0) then();
    else setTimeout(then, delayMs);
  };
  const pass = (from: Socket, to: Socket) => {
    from.on('data', (chunk) => later(() => void to.write(chunk)));
    from.on('close', () => later(() => to.destroy()));
    if (isStalled) from.pause();
  };
  const server = createServer((client) => {
    if (isCut) {
      client.destroy();
      return;
    }
    const upstream = connect(targetPort, targetHost);
    track(client);
    track(upstream);
    upstream.on('data', (chunk: Buffer) => chunks.push(chunk));
    pass(client, upstream);
    pass(upstream, client);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const drop = () => {
    for (const socket of open) socket.destroy();
  };
  return {
    port: portOf(server),
    received: () => Buffer.concat(chunks).toString('latin1'),
    cut() {
      isCut = true;
      drop();
    },
    stall() {
      isStalled = true;
      for (const socket of open) socket.pause();
    },
    mend() {
      isCut = false;
      isStalled = false;
      for (const socket of open) socket.resume();
    },
    async close() {
      drop();
      server.close();
      await once(server, 'close');
    },
  };
}
