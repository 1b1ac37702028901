import type { Server, Socket } from 'node:net';
import { BAD_HEADERS, readProxyHeader } from './http-proxy-header.ts';

/** Why a connection is cut: a label of a metric. */
export const PROXY_REFUSALS = ['not from a listed proxy', 'no PROXY header in time', ...BAD_HEADERS] as const;
export type ProxyRefusal = (typeof PROXY_REFUSALS)[number];

export interface ProxyListenerOptions {
  /** Whether a peer is one of the proxies: nobody else may say who a client is. */
  readonly isProxy: (address: string) => boolean;
  /** From the connection to the end of the header, in ms. */
  readonly deadlineMs: number;
  /** Told of each connection, before a byte is read. */
  readonly onSocket: (socket: Socket) => void;
  readonly onRefused: (reason: ProxyRefusal) => void;
}

/** Who stands at the far end of proxied connections. */
export interface ProxiedPeers {
  /**
   * The client's address, by the socket or by its TLS layer. Null for a proxy that speaks for itself or names nobody;
   * undefined for a socket of another server.
   */
  addressOf(socket: Socket): string | null | undefined;
}

/**
 * Has every connection of an HTTP or HTTPS server begin with a PROXY header (`http-proxy-header.ts`), which is taken
 * off before anybody else sees a byte. Whoever is no listed proxy, or sends anything else, or is too slow, is cut.
 * Called once all other `connection` listeners of the server are there.
 */
export function requireProxyHeader(server: Server, options: ProxyListenerOptions): ProxiedPeers {
  const clients = new Map<string, string | null>();
  const inner = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket: Socket) => {
    options.onSocket(socket);
    const key = keyOf(socket);
    const refuse = (reason: ProxyRefusal): void => {
      options.onRefused(reason);
      socket.destroy();
    };
    if (!options.isProxy(socket.remoteAddress ?? '')) {
      refuse('not from a listed proxy');
      return;
    }
    socket.once('close', () => clients.delete(key));
    takeHeader(socket, options.deadlineMs, refuse, (address) => {
      clients.set(key, address);
      for (const listener of inner) Reflect.apply(listener, server, [socket]);
    });
  });
  return { addressOf: (socket) => clients.get(keyOf(socket)) };
}

/** The same for a socket and for the TLS layer over it. Both ends: one port may lead to several of our addresses. */
function keyOf({ remoteAddress, remotePort, localAddress, localPort }: Socket): string {
  return `${remoteAddress} ${remotePort} ${localAddress} ${localPort}`;
}

function takeHeader(
  socket: Socket,
  deadlineMs: number,
  refuse: (reason: ProxyRefusal) => void,
  done: (address: string | null) => void,
): void {
  let bytes = Buffer.alloc(0);
  const stop = (): void => {
    clearTimeout(deadline);
    socket.off('data', onData).off('error', onError);
  };
  const deadline = setTimeout(() => {
    stop();
    refuse('no PROXY header in time');
  }, deadlineMs);
  const onError = (): void => void socket.destroy();
  const onData = (chunk: Buffer): void => {
    // Bounded: a header is judged as soon as its own length is there, and that is bounded.
    bytes = Buffer.concat([bytes, chunk]);
    const header = readProxyHeader(bytes);
    if (header.kind === 'partial') return;
    stop();
    if (header.kind === 'invalid') {
      refuse(header.reason);
      return;
    }
    socket.pause();
    const rest = bytes.subarray(header.length);
    if (rest.length > 0) socket.unshift(rest);
    done(header.address);
    // What is a plain HTTP server reads by itself only what comes after this.
    process.nextTick(() => socket.resume());
  };
  socket.once('close', () => clearTimeout(deadline));
  socket.on('data', onData).on('error', onError);
}
