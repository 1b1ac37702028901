import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import { type WebSocket, WebSocketServer } from 'ws';
import type { DirectoryEntry } from '../../protocol/directory.ts';
import { SUBPROTOCOL } from '../../protocol/frames.ts';
import { portOf } from '../../testing/free-port.ts';

/** One connection to a scripted node. */
export interface Line {
  readonly bearer: string;
  /** Which connection of this node's it is, from 1. */
  readonly n: number;
  notify(event: string, data: unknown, seq?: number): void;
  /** Answers each request of a method from now on. */
  answer(method: string, respond: (data: unknown) => unknown): void;
  fail(method: string, error: { code: string; message?: string; retry?: boolean }): void;
  readonly requests: readonly { id: number; method: string; data: unknown }[];
  send(text: string): void;
  close(code: number): void;
  readonly closed: boolean;
  /** Ends the TCP connection as a broken network does. */
  cut(): void;
}

export interface ScriptedNode {
  readonly entry: DirectoryEntry;
  readonly url: string;
  readonly lines: readonly Line[];
  /** Paths of HTTP requests that were no upgrades. */
  readonly asked: readonly string[];
  close(): Promise<void>;
}

/** What a node does, all of it optional: by default it admits everybody and is silent afterwards. */
export interface Script {
  readonly datacenter?: string;
  readonly region?: string;
  /** An answer before 101, or none: the connection breaks. */
  readonly refuse?: (bearer: string, n: number) => { status: number; body: unknown } | 'break' | null;
  /** Replaces `welcome`. */
  readonly open?: (line: Line) => void;
  readonly http?: (
    path: string,
    request: IncomingMessage,
  ) => Promise<{ status: number; body: unknown } | null>;
}

export function welcomeOf(datacenter: string, region: string, codecs: readonly object[] = []): object {
  return {
    protocol: SUBPROTOCOL,
    node: { id: `node-${datacenter}`, datacenter, region },
    policy: 'sha256:test',
    routerRtpCapabilities: { codecs, headerExtensions: [] },
    limits: {
      maxMessageBytes: 65_536,
      messagesPerSecond: 50,
      producersPerPeer: 8,
      consumersPerPeer: 100,
      firstMessageSeconds: 5,
    },
  };
}

/** A node that says what a test wants, over real sockets. */
export async function startScriptedNode(script: Script = {}): Promise<ScriptedNode> {
  const { datacenter = 'fra', region = 'eu' } = script;
  const lines: Line[] = [];
  const asked: string[] = [];
  const sockets = new WebSocketServer({ noServer: true });
  const server = createServer((request, response) => {
    const path = request.url ?? '';
    asked.push(path);
    const answer = script.http?.(path, request) ?? Promise.resolve(null);
    answer
      .then((given) => {
        const { status, body } = given ?? { status: 404, body: {} };
        response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
      })
      .catch(() => response.destroy());
  });
  let n = 0;
  server.on('upgrade', (request, socket, head) => {
    n += 1;
    const bearer = (request.headers.authorization ?? '').replace(/^Bearer /, '');
    const refusal = script.refuse?.(bearer, n) ?? null;
    if (refusal === 'break') {
      socket.destroy();
      return;
    }
    if (refusal !== null) {
      const body = JSON.stringify(refusal.body);
      socket.end(
        `HTTP/1.1 ${refusal.status} Refused\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
      );
      return;
    }
    const number = n;
    sockets.handleUpgrade(request, socket, head, (webSocket) => {
      const line = lineOf(webSocket, bearer, number);
      lines.push(line);
      if (script.open === undefined) line.notify('welcome', welcomeOf(datacenter, region));
      else script.open(line);
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `ws://127.0.0.1:${portOf(server)}`;
  return {
    entry: { datacenter, region, url },
    url,
    lines,
    asked,
    async close() {
      for (const client of sockets.clients) client.terminate();
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

function lineOf(socket: WebSocket, bearer: string, n: number): Line {
  const requests: { id: number; method: string; data: unknown }[] = [];
  const answers = new Map<string, (data: unknown) => object>();
  let seq = 0;
  const send = (frame: object): void => socket.send(JSON.stringify(frame));
  const reply = ({ id, method, data }: { id: number; method: string; data: unknown }): void => {
    const answer = answers.get(method);
    if (answer !== undefined) send({ type: 'response', id, ...answer(data) });
  };
  socket.on('message', (text) => {
    const request = JSON.parse(text.toString());
    requests.push(request);
    reply(request);
  });
  socket.on('error', () => undefined);
  const on = (method: string, answer: (data: unknown) => object): void => {
    answers.set(method, answer);
  };
  return {
    bearer,
    n,
    requests,
    notify(event, data, given) {
      const outside = event === 'welcome' || event === 'refused' || event === 'redirect';
      if (given === undefined && !outside) seq += 1;
      send({ type: 'notification', seq: given ?? (outside ? 0 : seq), event, data });
    },
    answer: (method, respond) => on(method, (data) => ({ ok: true, data: respond(data) })),
    fail: (method, { code, message = code, retry = false }) =>
      on(method, () => ({ ok: false, error: { code, message, retry } })),
    send: (text) => socket.send(text),
    close: (code) => socket.close(code),
    get closed() {
      return socket.readyState === socket.CLOSED;
    },
    cut: () => socket.terminate(),
  };
}

/** A refusal's body. */
export function refusalOf(code: string, status: number, retry: boolean): object {
  return { code, message: code, rule: '', policy: 'sha256:test', retry, status };
}
