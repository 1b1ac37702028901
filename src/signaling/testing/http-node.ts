import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { Registry } from 'prom-client';
import { WebSocket } from 'ws';
import { createDoor, type Door } from '../../cluster/testing/door.ts';
import type { Admission, AdmittedSession } from '../../cluster/types.ts';
import type { CompiledPolicy } from '../../policy/compile.ts';
import type { Redirect, Refusal } from '../../protocol/events.ts';
import { SIGNAL_PATH, SUBPROTOCOL } from '../../protocol/frames.ts';
import { waitFor } from '../../testing/wait.ts';
import { directoryKeys } from '../../tokens/directory-signature.ts';
import { createHttpServer, type HttpDeps, type HttpOptions, type HttpServer } from '../http.ts';
import type { SessionHost } from '../types.ts';

/** The listener with a real door behind it, and sessions that only greet. */
export interface HttpNode {
  readonly door: Door;
  readonly server: HttpServer;
  readonly port: number;
  readonly metrics: Registry;
  readonly accepted: { socket: WebSocket; session: AdmittedSession }[];
  readonly resumed: { token: string; session: AdmittedSession }[];
  readonly forbidden: { token: string; verdict: Refusal | Redirect }[];
  /** Sessions that may be resumed, by token. */
  readonly resumable: Map<string, AdmittedSession>;
  /** Everything that was logged. */
  readonly log: unknown[];
  readonly state: { draining: boolean; reasons: { check: string; reason: string }[] };
  close(): Promise<void>;
}

export interface HttpNodeOptions {
  readonly here?: string;
  readonly policy?: CompiledPolicy;
  readonly options?: Partial<HttpOptions>;
  /** Puts another admission in the real one's place. */
  readonly admission?: (door: Door) => Admission;
  readonly page?: HttpDeps['page'];
  readonly isCloudPage?: (origin: string) => boolean;
}

/** What the fake session says first: as secret as anything that follows an admission. */
const GREETING = JSON.stringify({
  type: 'notification',
  seq: 0,
  event: 'welcome',
  data: { usernameFragment: 'secret' },
});

export async function startHttpNode(given: HttpNodeOptions = {}): Promise<HttpNode> {
  const door = await createDoor(given.here ?? 'sjc', given.policy);
  const log: unknown[] = [];
  const metrics = new Registry();
  const state: HttpNode['state'] = { draining: false, reasons: [] };
  const accepted: HttpNode['accepted'] = [];
  const resumed: HttpNode['resumed'] = [];
  const forbidden: HttpNode['forbidden'] = [];
  const resumable: HttpNode['resumable'] = new Map();
  const sessions: SessionHost = {
    accept(socket, session) {
      accepted.push({ socket, session });
      socket.send(GREETING);
    },
    findResumable: (token) => resumable.get(token),
    acceptResumed(socket, token, session) {
      resumable.delete(token);
      resumed.push({ token, session });
      socket.send(GREETING);
    },
    forbidResumed(token, verdict) {
      forbidden.push({ token, verdict });
    },
  };
  const server = createHttpServer({
    options: {
      listen: ['127.0.0.1'],
      port: 0,
      tls: null,
      trustedProxies: [],
      origins: ['https://meet.example.net'],
      maxConnections: 5000,
      maxConnectionsPerAddress: 5000,
      directoryPerAddress: { perSecond: 1000, burst: 5000 },
      ...given.options,
    },
    admission: given.admission?.(door) ?? door.admission,
    sessions,
    keys: () => directoryKeys('commercial', [door.directoryKey]),
    readiness: {
      readiness: () => ({ ready: state.reasons.length === 0, reasons: state.reasons, warnings: [] }),
    },
    metrics,
    page: given.page ?? { handle: () => false },
    ...(given.isCloudPage !== undefined && { isCloudPage: given.isCloudPage }),
    draining: () => state.draining,
    logger: { info: (...line) => log.push(line), error: (...line) => log.push(line) },
  });
  const { port } = await server.listen();
  const close = () => server.close();
  return { door, server, port, metrics, accepted, resumed, forbidden, resumable, log, state, close };
}

/** How an upgrade ended, as a WebSocket client of Node sees it. */
export type Upgraded =
  | {
      readonly kind: 'open';
      readonly socket: WebSocket;
      readonly messages: string[];
      readonly closed: Promise<number>;
    }
  | {
      readonly kind: 'refused';
      readonly status: number;
      readonly headers: Record<string, unknown>;
      readonly body: unknown;
    };

export interface UpgradeOptions {
  readonly token?: string | undefined;
  readonly headers?: Record<string, string>;
  /** Brings the token as a subprotocol, as browsers do. */
  readonly browser?: boolean;
  readonly protocols?: string[];
  readonly host?: string;
  readonly path?: string;
  readonly autoPong?: boolean;
}

/** Opens a WebSocket, or reads the refusal. Rejects when neither comes in time. */
export function upgrade(port: number, options: UpgradeOptions = {}): Promise<Upgraded> {
  const { token, headers = {}, browser = false, host = '127.0.0.1', path = SIGNAL_PATH } = options;
  const bearer = token === undefined || browser ? {} : { authorization: `Bearer ${token}` };
  const protocols = options.protocols ?? [SUBPROTOCOL, ...(browser ? [`bearer.${token}`] : [])];
  const socket = new WebSocket(`ws://${host}:${port}${path}`, protocols, {
    headers: { ...bearer, ...headers },
    handshakeTimeout: 20_000,
    perMessageDeflate: false,
    autoPong: options.autoPong ?? true,
  });
  const messages: string[] = [];
  socket.on('message', (data) => messages.push(String(data)));
  const closed = new Promise<number>((resolve) => socket.on('close', resolve));
  return new Promise((resolve, reject) => {
    socket.on('open', () => resolve({ kind: 'open', socket, messages, closed }));
    socket.on('error', reject);
    socket.on('unexpected-response', (_request, response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk: string) => {
        text += chunk;
      });
      response.on('end', () => {
        const status = response.statusCode ?? 0;
        resolve({ kind: 'refused', status, headers: response.headers, body: parse(text) });
      });
    });
  });
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

/** Sends bytes and reads every byte that ever comes back, until the server closes. */
export async function converse(port: number, bytes: string, limitMs = 20_000): Promise<string> {
  const socket = connect(port, '127.0.0.1');
  const chunks: Buffer[] = [];
  socket.on('data', (chunk) => chunks.push(chunk));
  socket.on('error', () => {});
  socket.write(bytes);
  const timer = setTimeout(() => socket.destroy(new Error('never closed')), limitMs);
  await once(socket, 'close').catch(() => {});
  clearTimeout(timer);
  return Buffer.concat(chunks).toString('latin1');
}

/** The bytes of an upgrade, as any program could send them. */
export function upgradeBytes(headers: Record<string, string>, path = SIGNAL_PATH): string {
  const all: Record<string, string> = {
    host: 'sha.example.net',
    connection: 'Upgrade',
    upgrade: 'websocket',
    'sec-websocket-version': '13',
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
    'sec-websocket-protocol': SUBPROTOCOL,
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `GET ${path} HTTP/1.1\r\n${lines.join('')}\r\n`;
}

/** Resolves once `condition` holds; rejects after `limitMs`. */
export async function until(condition: () => boolean | Promise<boolean>, limitMs = 20_000): Promise<void> {
  await waitFor('the condition', condition, limitMs, 20);
}

export async function openSocket(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  await once(socket, 'connect');
  return socket;
}
