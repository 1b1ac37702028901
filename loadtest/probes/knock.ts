import WebSocket from 'ws';
import { SIGNAL_PATH, SUBPROTOCOL } from '../../src/protocol/frames.ts';
import { type Answer, UNANSWERED } from './tally.ts';

/** How long a door has to answer, in ms. */
const PATIENCE = 5000;

export interface KnockOptions {
  /** Null: none is sent. */
  readonly token: string | null;
  /** Appended to the path. */
  readonly query?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly localAddress?: string;
}

/** Says nothing of the bearer: the door is closed to everybody at the moment. */
const OF_THE_DOOR = new Set([
  'too_many_connections',
  'rate_limited',
  'not_ready',
  'draining',
  'internal',
  'deadline',
]);

/**
 * Opens a WebSocket at a node as a program does, by nothing of the client library: a probe must not share its
 * mistakes. Admitted is whoever gets `welcome`, or any first message but a refusal.
 */
export function knock(url: string, options: KnockOptions): Promise<Answer> {
  return new Promise((resolve) => {
    const { token, query = '', headers = {}, localAddress } = options;
    const socket = new WebSocket(`${url.replace(/\/$/, '')}${SIGNAL_PATH}${query}`, SUBPROTOCOL, {
      headers: { ...headers, ...(token !== null && { authorization: `Bearer ${token}` }) },
      perMessageDeflate: false,
      handshakeTimeout: PATIENCE,
      ...(localAddress !== undefined && { localAddress }),
    });
    const timer = setTimeout(() => finish({ admitted: false, code: UNANSWERED }), PATIENCE);
    const finish = (answer: Answer): void => {
      clearTimeout(timer);
      // 1000: the session is not coming back, so the node need not keep it.
      if (socket.readyState === WebSocket.OPEN) socket.close(1000);
      else if (socket.readyState === WebSocket.CONNECTING) socket.terminate();
      resolve(answer);
    };
    socket.on('message', (data) => {
      const frame = parse(data.toString());
      const event = field(frame, 'event');
      const refused = event === 'refused' || event === 'redirect' || event === 'bye';
      if (refused) finish(refusal(field(field(frame, 'data'), 'code')));
      else finish({ admitted: true, code: String(event ?? 'message') });
    });
    socket.on('unexpected-response', (_request, response) => {
      const chunks: Buffer[] = [];
      response.on('data', (chunk: Buffer) => chunks.push(chunk));
      response.on('close', () => {
        const code = field(parse(Buffer.concat(chunks).toString()), 'code');
        finish(refusal(code ?? `http_${response.statusCode}`));
        socket.terminate();
      });
    });
    socket.on('close', (code) =>
      finish({ admitted: false, code: code === 1006 ? UNANSWERED : `close_${code}` }),
    );
    // `close` follows.
    socket.on('error', () => undefined);
  });
}

/** A refusal by its code; one that is the door's own is no answer about whoever knocks. */
export function refusal(code: unknown): Answer {
  const name = String(code);
  return { admitted: false, code: OF_THE_DOOR.has(name) || /^http_5/.test(name) ? UNANSWERED : name };
}

export function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
