import { createHash } from 'node:crypto';
import type { RequestFrame } from '../protocol/frames.ts';
import type { MethodName } from '../protocol/methods.ts';
import type { Reply } from './connection.ts';

/** What is about a transport and what it carries: worth nothing once the transport is gone. */
const OF_TRANSPORTS: ReadonlySet<string> = new Set<MethodName>([
  'createTransport',
  'connectTransport',
  'restartIce',
  'produce',
]);

interface Kept {
  readonly method: string;
  readonly digest: string;
  readonly reply: Promise<Reply>;
}

/**
 * The last requests of one session and what came of each, across its connections. A response can be lost with its
 * socket, and only the client knows: what it asks again by the same id is answered again, and not done twice.
 */
export class Answers {
  readonly #limit: number;
  readonly #kept = new Map<number, Kept>();

  /**
   * @param limit how many are kept: as many as may be in flight. Responses arrive in the order in which they were
   * sent, so that those a client lacks are always the last ones.
   */
  constructor(limit: number) {
    this.#limit = limit;
  }

  get size(): number {
    return this.#kept.size;
  }

  /** Runs a request, or gives what came, or will come, of the same request before. */
  once(request: RequestFrame, run: () => Promise<Reply>): Promise<Reply> {
    const { id, method } = request;
    const digest = digestOf(request);
    const known = this.#kept.get(id);
    // What follows a response has followed the first one.
    if (known?.digest === digest) return known.reply.then(({ data }) => ({ data }));
    const reply = run();
    this.#kept.delete(id);
    this.#kept.set(id, { method, digest, reply });
    for (const oldest of this.#kept.keys()) {
      if (this.#kept.size <= this.#limit) break;
      this.#kept.delete(oldest);
    }
    return reply;
  }

  /** A transport is gone, or all of them: a request that made one is carried out when it comes again. */
  forgetTransports(): void {
    for (const [id, { method }] of this.#kept) if (OF_TRANSPORTS.has(method)) this.#kept.delete(id);
  }
}

/** A client that uses an id for something else has asked something else. */
function digestOf({ method, data }: RequestFrame): string {
  return createHash('sha256')
    .update(`${method}\n${JSON.stringify(data)}`)
    .digest('base64url');
}
