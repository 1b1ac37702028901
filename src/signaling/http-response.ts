import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Duplex } from 'node:stream';
import { type ErrorCode, toldAs } from '../protocol/errors.ts';
import type { Refusal } from '../protocol/events.ts';

export type Headers = Readonly<Record<string, string>>;

/** On every answer of the node, the page's included. */
export const BASE_HEADERS: Headers = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
};

/** On answers that are data: nothing in them is ever to be run, framed or kept. */
const DATA_HEADERS: Headers = {
  ...BASE_HEADERS,
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'cache-control': 'no-store',
};

/** A refusal that no rule of the policy made: the same body as those that one did. */
export function plainRefusal(code: ErrorCode, detail?: string): Refusal {
  return { ...toldAs(code, detail), rule: '', policy: '' };
}

export function sendJson(
  response: ServerResponse,
  status: number,
  body: object,
  headers: Headers = {},
): void {
  const text = JSON.stringify(body);
  send(response, status, text, { 'content-type': 'application/json; charset=utf-8', ...headers });
}

/** Answers with the refusal's own status, or a closer one where HTTP has it. */
export function sendRefusal(response: ServerResponse, refusal: Refusal, headers: Headers = {}): void {
  sendJson(response, refusal.status, refusal, { ...authenticate(refusal), ...headers });
}

export function send(response: ServerResponse, status: number, text: string, headers: Headers): void {
  if (response.headersSent || response.destroyed) return;
  response.writeHead(status, {
    ...DATA_HEADERS,
    'content-length': String(Buffer.byteLength(text)),
    ...headers,
  });
  response.end(text);
}

/** Answers on a socket that HTTP has let go of (an upgrade, or what could not be parsed), and closes it. */
export function sendRaw(socket: Duplex, status: number, body: object, headers: Headers = {}): void {
  if (socket.destroyed || !socket.writable) {
    socket.destroy();
    return;
  }
  const text = JSON.stringify(body);
  const all: Headers = {
    ...DATA_HEADERS,
    'content-type': 'application/json; charset=utf-8',
    'content-length': String(Buffer.byteLength(text)),
    connection: 'close',
    ...headers,
  };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  socket.end(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}\r\n${lines.join('')}\r\n${text}`);
  // A peer that does not read, or does not close, holds nothing here.
  const timer = setTimeout(() => socket.destroy(), LINGER_MS);
  timer.unref();
  socket.once('close', () => clearTimeout(timer));
  socket.resume();
}

/** How long the last bytes may take before the socket is cut. */
const LINGER_MS = 2000;

export function sendRawRefusal(socket: Duplex, refusal: Refusal, headers: Headers = {}): void {
  sendRaw(socket, refusal.status, refusal, { ...authenticate(refusal), ...headers });
}

/** RFC 9110 section 11.6.1: a 401 says how to authenticate. */
function authenticate({ status }: Refusal): Headers {
  return status === 401 ? { 'www-authenticate': 'Bearer realm="watershed"' } : {};
}

/** The path of a request in origin form; null for anything else (absolute form, authority form, nonsense). */
export function urlOf(request: IncomingMessage): URL | null {
  const target = request.url ?? '';
  if (!target.startsWith('/')) return null;
  try {
    return new URL(`http://node${target}`);
  } catch {
    return null;
  }
}
