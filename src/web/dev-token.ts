import type { IncomingMessage, ServerResponse } from 'node:http';
import { isIP } from 'node:net';
import { WatershedError } from '../protocol/errors.ts';
import { type DevTokenRequest, devTokenRequestSchema } from './page-config.ts';

/** Signs a join token with the development key. Throws WatershedError to refuse. */
export type IssueDevToken = (request: DevTokenRequest) => Promise<string>;

const MAX_BODY_BYTES = 4096;
/** Tokens per second, sustained, and how many at once: plenty for people and for a browser test. */
const RATE = 20;
const BURST = 100;

/**
 * `POST /dev/token`: a join token for whoever sits at this machine. Anything else is turned away: another
 * machine, a page of another origin (an `Origin` that is not the `Host`), a name that was pointed at loopback
 * (a `Host` that is not a loopback name), and requests that a page could send without a preflight (JSON only).
 */
export function createDevTokenHandler(
  issue: IssueDevToken,
  now: () => number = () => performance.now(),
): (request: IncomingMessage, response: ServerResponse) => void {
  let tokens = BURST;
  let last = now();
  const take = (): boolean => {
    const at = now();
    tokens = Math.min(BURST, tokens + ((at - last) / 1000) * RATE);
    last = at;
    if (tokens < 1) return false;
    tokens -= 1;
    return true;
  };

  const answer = async (request: IncomingMessage): Promise<string> => {
    if (request.method !== 'POST') throw new WatershedError('method_not_allowed');
    if (!isLocal(request))
      throw new WatershedError('origin_refused', 'development tokens are for this machine');
    if (!take()) throw new WatershedError('rate_limited');
    const parsed = devTokenRequestSchema.safeParse(await readJson(request));
    if (!parsed.success) {
      const issue = parsed.error.issues[0];
      throw new WatershedError('bad_request', `${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
    }
    return issue(parsed.data);
  };

  return (request, response) => {
    answer(request).then(
      (token) => sendJson(response, 200, { token }),
      (error: unknown) => {
        const known = error instanceof WatershedError ? error : new WatershedError('internal');
        // A body that was not read would hold the connection.
        response.setHeader('connection', 'close');
        sendJson(response, known.status, known.toWire());
      },
    );
  };
}

function isLocal(request: IncomingMessage): boolean {
  const address = request.socket.remoteAddress?.replace(/^::ffff:/, '') ?? '';
  if (address !== '::1' && !(isIP(address) === 4 && address.startsWith('127.'))) return false;
  const { host, origin } = request.headers;
  if (host === undefined || !/^(localhost|127(\.\d{1,3}){3}|\[::1\])(:\d+)?$/i.test(host)) return false;
  return origin === undefined || origin === `http://${host}` || origin === `https://${host}`;
}

async function readJson(request: IncomingMessage): Promise<unknown> {
  const type = request.headers['content-type']?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') throw new WatershedError('bad_request', 'send application/json');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk);
    size += bytes.length;
    if (size > MAX_BODY_BYTES) throw new WatershedError('message_too_large');
    chunks.push(bytes);
  }
  try {
    return JSON.parse(Buffer.concat(chunks).toString('utf8'));
  } catch {
    throw new WatershedError('bad_request', 'not JSON');
  }
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  if (response.writableEnded || response.destroyed) return;
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' });
  response.end(JSON.stringify(body));
}
