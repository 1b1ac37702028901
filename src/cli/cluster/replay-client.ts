import WebSocket from 'ws';
import { z } from 'zod';
import {
  type DirectoryAnswer,
  type DirectoryEntry,
  directoryAnswerSchema,
} from '../../protocol/directory.ts';
import { redirectSchema, refusalSchema } from '../../protocol/events.ts';
import { DIRECTORY_PATH, SIGNAL_PATH, SUBPROTOCOL } from '../../protocol/frames.ts';

/** What a node said to one who knocks. */
export type Knock =
  | { readonly kind: 'admitted' }
  | { readonly kind: 'refused'; readonly status: number; readonly code: string; readonly rule: string }
  | {
      readonly kind: 'redirected';
      readonly status: number;
      readonly code: string;
      readonly rule: string;
      readonly list: DirectoryAnswer;
    }
  | { readonly kind: 'unreachable' };

/** For one answer, in ms. */
const PATIENCE_MS = 5000;
/** Attempts of one walk: no list is that long. */
const MAX_ATTEMPTS = 8;
/** Of an answer to an upgrade, in bytes. */
const MAX_ANSWER = 64 * 1024;

/** Asks a node's directory, as any client does; null where it gives no list. */
export async function askDirectory(url: string, token: string): Promise<DirectoryAnswer | null> {
  const answer = await fetch(`${url.replace(/^ws/, 'http')}${DIRECTORY_PATH}`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    signal: AbortSignal.timeout(PATIENCE_MS),
  });
  return answer.ok ? directoryAnswerSchema.parse(await answer.json()) : null;
}

/** Opens the connection that a join begins with, hears the node's first word, and leaves. */
export function knock(url: string, token: string): Promise<Knock> {
  return new Promise((resolve) => {
    const socket = new WebSocket(`${url}${SIGNAL_PATH}`, [SUBPROTOCOL], {
      headers: { authorization: `Bearer ${token}` },
      handshakeTimeout: PATIENCE_MS,
    });
    socket.on('error', () => resolve({ kind: 'unreachable' }));
    socket.once('open', () => {
      resolve({ kind: 'admitted' });
      socket.close(1000);
    });
    socket.once('unexpected-response', (_request, response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
        if (body.length > MAX_ANSWER) response.destroy();
      });
      response.once('end', () => resolve(readRefusal(body)));
      response.once('error', () => resolve({ kind: 'unreachable' }));
    });
  });
}

/**
 * Walks down a list as a client does, until it is let in or knows no further node: a redirect's list takes the place
 * of what is left.
 */
export async function* walk(
  { primaries, secondaries }: DirectoryAnswer,
  token: string,
): AsyncGenerator<{ readonly entry: DirectoryEntry; readonly answer: Knock }> {
  let queue = [...primaries, ...secondaries];
  const tried = new Set<string>();
  while (tried.size < MAX_ATTEMPTS) {
    const entry = queue.find(({ url }) => !tried.has(url));
    if (entry === undefined) return;
    tried.add(entry.url);
    const answer = await knock(entry.url, token);
    yield { entry, answer };
    if (answer.kind === 'admitted') return;
    if (answer.kind === 'redirected') queue = [...answer.list.primaries, ...answer.list.secondaries];
  }
}

const json = z.string().transform((text, context): unknown => {
  try {
    return JSON.parse(text);
  } catch {
    context.addIssue({ code: 'custom', message: 'not JSON' });
    return z.NEVER;
  }
});

function readRefusal(body: string): Knock {
  const redirect = json.pipe(redirectSchema).safeParse(body);
  if (redirect.success) {
    const { status, code, rule, list } = redirect.data;
    return { kind: 'redirected', status, code, rule, list };
  }
  const refusal = json.pipe(refusalSchema).safeParse(body);
  if (!refusal.success) return { kind: 'unreachable' };
  const { status, code, rule } = refusal.data;
  return { kind: 'refused', status, code, rule };
}
