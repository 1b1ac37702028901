import WebSocket from 'ws';
import { BEARER_PREFIX, SIGNAL_PATH, SUBPROTOCOL } from '../../protocol/frames.ts';
import { waitFor } from '../../testing/wait.ts';

/** Everything that a node said to one client, byte for byte as far as a client can see. */
export interface Conversation {
  /** HTTP status of the answer to the upgrade. */
  readonly status: number;
  /** Body of a refusal before 101. */
  readonly body: string;
  readonly frames: readonly string[];
  /** Null while the socket is open. */
  readonly closeCode: number | null;
  /** Status, body and frames in one text. */
  all(): string;
  send(text: string): void;
  /** Reads nothing more from the network. */
  pause(): void;
  close(): void;
}

/**
 * Opens a connection as a program does (token in a header) or as a browser does (token as a subprotocol), and
 * resolves once it is refused or the first frame is there.
 */
export async function converse(
  url: string,
  token: string,
  as: 'program' | 'browser',
  extra: { requests?: readonly object[]; headers?: Record<string, string> } = {},
): Promise<Conversation> {
  const protocols = as === 'browser' ? [SUBPROTOCOL, `${BEARER_PREFIX}${token}`] : [SUBPROTOCOL];
  const headers = { ...extra.headers, ...(as === 'program' && { authorization: `Bearer ${token}` }) };
  const socket = new WebSocket(`${url.replace(/^http/, 'ws')}${SIGNAL_PATH}`, protocols, { headers });
  const frames: string[] = [];
  const state: { status: number; body: string; closeCode: number | null } = {
    status: 0,
    body: '',
    closeCode: null,
  };
  socket.on('unexpected-response', (_request, response) => {
    state.status = response.statusCode ?? 0;
    response.on('data', (chunk: Buffer) => {
      state.body += chunk.toString();
    });
    response.on('end', () => {
      state.closeCode = 0;
    });
  });
  socket.on('error', () => undefined);
  socket.on('open', () => {
    state.status = 101;
    for (const request of extra.requests ?? []) socket.send(JSON.stringify(request));
  });
  socket.on('message', (data) => frames.push(data.toString()));
  socket.on('close', (code) => {
    state.closeCode = code;
  });
  await waitFor('an answer', () => state.closeCode !== null || frames.length > 0);
  return {
    get status() {
      return state.status;
    },
    get body() {
      return state.body;
    },
    frames,
    get closeCode() {
      return state.closeCode;
    },
    all: () => [state.status, state.body, ...frames].join('\n'),
    send: (text) => socket.send(text),
    pause: () => socket.pause(),
    close: () => socket.terminate(),
  };
}
