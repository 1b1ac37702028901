import { once } from 'node:events';
import {
  createServer as createPlainServer,
  type IncomingMessage,
  type Server,
  type ServerOptions,
} from 'node:http';
import { createServer as createTlsServer, type Server as TlsServer } from 'node:https';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { Counter, Gauge, type Registry as MetricsRegistry } from 'prom-client';
import type { Admission } from '../cluster/types.ts';
import { networks, normalizeAddress } from '../geo/address.ts';
import { createClientAddress } from '../geo/proxies.ts';
import type { DirectoryKeys } from '../protocol/directory.ts';
import type { ErrorCode } from '../protocol/errors.ts';
import { MAX_MESSAGE_BYTES } from '../protocol/frames.ts';
import { systemClock } from '../rooms/clock.ts';
import type { Rate } from '../rooms/token-bucket.ts';
import { AddressCaps } from './http-caps.ts';
import { KeepAlive } from './http-keepalive.ts';
import { PROXY_REFUSALS, type ProxiedPeers, type ProxyRefusal, requireProxyHeader } from './http-proxy.ts';
import { AddressRates } from './http-rates.ts';
import { plainRefusal, sendRaw } from './http-response.ts';
import { createRoutes, type PageHandler, type Readiness } from './http-routes.ts';
import { type TlsContext, type TlsFiles, type TlsLogger, TlsReloader } from './http-tls.ts';
import { createUpgrade } from './http-upgrade.ts';
import type { SessionHost } from './types.ts';

export interface HttpOptions {
  /** Addresses to listen on, all at one port. */
  readonly listen: readonly string[];
  /** 0 lets the system choose. */
  readonly port: number;
  /** Null: plain HTTP, for loopback or behind a reverse proxy that ends TLS. */
  readonly tls: TlsFiles | null;
  /** Networks whose `X-Forwarded-For` counts, and whose PROXY headers where those are required. */
  readonly trustedProxies: readonly string[];
  /** Every connection begins with a PROXY header, and comes from a trusted proxy. */
  readonly proxyProtocol?: boolean;
  /** Exact origins of pages that may connect; `self` for the request's own host, `cloud` for pages of its nodes. */
  readonly origins: readonly string[];
  /** WebSocket connections at once. */
  readonly maxConnections: number;
  readonly maxConnectionsPerAddress: number;
  /** Questions to the directory of one address. */
  readonly directoryPerAddress: Rate;
  /** Bytes of one WebSocket message; `MAX_MESSAGE_BYTES` at most, and by default. */
  readonly maxMessageBytes?: number;
  readonly timeouts?: Partial<HttpTimeouts>;
}

/** In ms; where a test has no patience. */
export interface HttpTimeouts {
  readonly headers: number;
  readonly request: number;
  readonly keepAlive: number;
  readonly upgrade: number;
  readonly ping: number;
  readonly silence: number;
  readonly tlsReload: number;
}

const TIMEOUTS: HttpTimeouts = {
  headers: 8_000,
  request: 10_000,
  keepAlive: 5_000,
  upgrade: 5_000,
  ping: 10_000,
  silence: 30_000,
  tlsReload: 10_000,
};

/** Bytes of a request's line and headers: a join token has at most 8 KiB. */
const MAX_HEADER_BYTES = 16 * 1024;
const MAX_IN_FLIGHT = 256;
/** How often Node looks for connections beyond their time, in ms. */
const CHECK_MS = 2_000;

export interface HttpDeps {
  readonly options: HttpOptions;
  readonly admission: Admission;
  readonly sessions: SessionHost;
  readonly keys: () => DirectoryKeys;
  readonly readiness: Readiness;
  readonly metrics: MetricsRegistry;
  readonly page: PageHandler;
  /** Whether a page with this origin is served by a node of the cloud; none is, by default. */
  readonly isCloudPage?: (origin: string) => boolean;
  /** The node takes nobody new; the directory still answers. */
  readonly draining: () => boolean;
  readonly logger: TlsLogger;
}

export interface HttpServer {
  /** Resolves once every address is listened on. Rejects when one cannot be, and then listens on none. */
  listen(): Promise<{ port: number }>;
  /** Looks at the certificate files now (SIGHUP). Never rejects. */
  reloadTls(): Promise<void>;
  /** Ends everything that is still open, within 2 s; idempotent. Sessions say their last words before it. */
  close(): Promise<void>;
}

/** The node's one client listener: HTTP, and the upgrade to signaling. */
export function createHttpServer(deps: HttpDeps): HttpServer {
  const { options, logger } = deps;
  const timeouts: HttpTimeouts = { ...TIMEOUTS, ...options.timeouts };
  const caps = new AddressCaps({
    total: options.maxConnections,
    perAddress: options.maxConnectionsPerAddress,
  });
  // Connections of any kind, before a byte is read. Twice the other cap: browsers open some beside their socket.
  const socketCaps = new AddressCaps({
    total: options.maxConnections + 1000,
    perAddress: options.maxConnectionsPerAddress * 2,
  });
  const proxies = networks(options.trustedProxies);
  const keepAlive = new KeepAlive({ pingMs: timeouts.ping, silenceMs: timeouts.silence });
  const { onRefused, onNoHeader, onError } = observe(deps.metrics, caps, logger);
  const addressOf = createClientAddress(options.trustedProxies);
  const proxied: ProxiedPeers[] = [];
  /** Whom the proxy before a socket names: null for nobody, undefined where no PROXY header is asked for. */
  const named = (socket: Socket): string | null | undefined =>
    proxied.map((peers) => peers.addressOf(socket)).find((address) => address !== undefined);
  const peerOf = (socket: Socket): string | undefined => named(socket) ?? socket.remoteAddress;
  const common = {
    ...deps,
    clientAddress: ({ socket, headers }: IncomingMessage) =>
      // Where the proxy did not say who it is, the client cannot either.
      addressOf(peerOf(socket), named(socket) === null ? undefined : headers['x-forwarded-for']),
    origins: { listed: options.origins, ofCloud: deps.isCloudPage ?? (() => false) },
    maxInFlight: MAX_IN_FLIGHT,
    onRefused,
    onError,
  };
  const directoryRates = new AddressRates(options.directoryPerAddress, systemClock);
  const routes = createRoutes({ ...common, directoryRates });
  const upgrade = createUpgrade({
    ...common,
    caps,
    keepAlive,
    deadlineMs: timeouts.upgrade,
    maxMessageBytes: Math.min(options.maxMessageBytes ?? MAX_MESSAGE_BYTES, MAX_MESSAGE_BYTES),
  });

  const servers: (Server | TlsServer)[] = [];
  const sockets = new Set<Socket>();
  let closing: Promise<void> | undefined;
  const reloader =
    options.tls === null
      ? null
      : new TlsReloader(
          options.tls,
          (context) => {
            for (const server of servers) if ('setSecureContext' in server) server.setSecureContext(context);
          },
          logger,
        );

  const onConnection = (socket: Socket): void => {
    // In its one spelling: a listener of both families writes IPv4 addresses as IPv6.
    const peer = normalizeAddress(peerOf(socket) ?? '') ?? undefined;
    // A proxy carries many clients; each of those is counted by its own address at the upgrade.
    const taken = peer !== undefined && proxies.has(peer) ? () => {} : socketCaps.take(peer ?? '');
    if (typeof taken === 'string') {
      onRefused('too_many_connections');
      socket.destroy();
      return;
    }
    hold(socket);
    socket.once('close', taken);
  };
  const hold = (socket: Socket): void => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  };

  const createServer = (context: TlsContext | null): Server | TlsServer => {
    const settings: ServerOptions = {
      headersTimeout: timeouts.headers,
      requestTimeout: timeouts.request,
      keepAliveTimeout: timeouts.keepAlive,
      connectionsCheckingInterval: Math.min(CHECK_MS, timeouts.headers),
      maxHeaderSize: MAX_HEADER_BYTES,
      insecureHTTPParser: false,
      noDelay: true,
    };
    const server =
      context === null
        ? createPlainServer(settings)
        : createTlsServer({ ...settings, ...context, handshakeTimeout: timeouts.headers });
    server.on('connection', onConnection);
    server.on('request', (request, response) => {
      if (context !== null) response.setHeader('strict-transport-security', 'max-age=31536000');
      routes(request, response);
    });
    server.on('upgrade', upgrade);
    server.on('clientError', (error: Error & { code?: string }, socket: Duplex) => {
      answerBroken(error.code, socket, onRefused);
    });
    if (options.proxyProtocol === true) {
      const peers = requireProxyHeader(server, {
        isProxy: (address) => proxies.has(address),
        deadlineMs: timeouts.headers,
        onSocket: hold,
        onRefused: onNoHeader,
      });
      proxied.push(peers);
    }
    return server;
  };

  const listenAll = async (context: TlsContext | null): Promise<number> => {
    let port = options.port;
    for (const host of options.listen) {
      const server = createServer(context);
      servers.push(server);
      server.listen({ host, port });
      await once(server, 'listening');
      // One client that could not be taken (the kernel has no memory for it, say) is no end of the node.
      server.on('error', (error) => logger.error({ err: error }, 'the listener failed'));
      const bound = server.address();
      if (bound !== null && typeof bound === 'object') port = bound.port;
    }
    return port;
  };

  return {
    async listen() {
      const context = (await reloader?.load()) ?? null;
      for (let attempt = 0; ; attempt++) {
        try {
          const port = await listenAll(context);
          reloader?.watch(timeouts.tlsReload);
          return { port };
        } catch (error) {
          for (const server of servers.splice(0)) server.close();
          // A port that the system chose on one address may be taken on the next.
          if (options.port !== 0 || attempt === 4) throw error;
        }
      }
    },
    reloadTls: async () => reloader?.reload(),
    close() {
      closing ??= (async () => {
        reloader?.close();
        keepAlive.close();
        const closed = servers.map((server) => (server.listening ? once(server, 'close') : undefined));
        for (const server of servers) {
          server.close();
          server.closeIdleConnections();
        }
        const cut = setTimeout(() => {
          for (const socket of sockets) socket.destroy();
        }, CLOSE_MS);
        await Promise.all(closed);
        clearTimeout(cut);
      })();
      return closing;
    },
  };
}

/** What is being answered has so long to end, once the server closes. */
const CLOSE_MS = 1_500;

/** Counts what the server itself refuses (what admission decides is counted there), and what it holds. */
function observe(metrics: MetricsRegistry, caps: AddressCaps, logger: TlsLogger) {
  const refusals = new Counter({
    name: 'watershed_http_refusals_total',
    help: 'Requests and upgrades refused before any decision, by code.',
    labelNames: ['code'],
    registers: [metrics],
  });
  const headers = new Counter({
    name: 'watershed_proxy_header_refusals_total',
    help: 'Connections cut for want of a PROXY header from a trusted proxy, by reason.',
    labelNames: ['reason'],
    registers: [metrics],
  });
  for (const reason of PROXY_REFUSALS) headers.inc({ reason }, 0);
  new Gauge({
    name: 'watershed_connections',
    help: 'WebSocket connections, including upgrades that are being decided.',
    registers: [metrics],
    collect() {
      this.set(caps.total);
    },
  });
  return {
    onRefused: (code: ErrorCode) => refusals.inc({ code }),
    onNoHeader: (reason: ProxyRefusal) => headers.inc({ reason }),
    onError: (error: unknown) => logger.error({ err: error }, 'request failed'),
  };
}

/** What is not HTTP, or too much of it, or too slow. */
function answerBroken(code: string | undefined, socket: Duplex, onRefused: (code: ErrorCode) => void): void {
  if (code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const refusal = brokenRefusal(code);
  onRefused(refusal.code);
  sendRaw(socket, refusal.status, { ...plainRefusal(refusal.code, refusal.detail), status: refusal.status });
}

function brokenRefusal(code: string | undefined): { code: ErrorCode; status: number; detail?: string } {
  switch (code) {
    case 'HPE_HEADER_OVERFLOW':
      // RFC 6585 section 5 is closer than the catalogue's 413.
      return { code: 'message_too_large', status: 431, detail: 'request headers' };
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return { code: 'deadline', status: 408 };
    default:
      return { code: 'bad_request', status: 400, detail: 'not HTTP' };
  }
}
