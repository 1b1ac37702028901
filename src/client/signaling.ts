import { CLOSE } from '../protocol/errors.ts';
import { isEventName } from '../protocol/events.ts';
import { REQUEST_SECONDS, SIGNAL_PATH, serverFrameSchema } from '../protocol/frames.ts';
import { METHODS, type MethodName, type RequestOf, type ResponseOf } from '../protocol/methods.ts';
import { Emitter } from './emitter.ts';
import type { ClientEnvironment, ClientSocket } from './environment.ts';
import { Notifications } from './notifications.ts';
import { ClientError, clientError } from './problem.ts';

/** How the socket ended. `status` and `body` where the upgrade was refused before 101 (seen in Node only). */
export interface SocketEnd {
  readonly code: number;
  readonly reason: string;
  readonly status?: number;
  readonly body?: unknown;
  /** This side closed it. */
  readonly local: boolean;
}

/** A schema seen from outside; the table keeps each method's type, which an index into METHODS loses. */
interface Parser<T> {
  safeParse(data: unknown): { success: true; data: T } | { success: false };
}
const parsers: { readonly [M in MethodName]: { readonly response: Parser<ResponseOf<M>> } } = METHODS;

interface Pending {
  settle(frame: { ok: true; data: unknown } | { ok: false; error: ClientError }): void;
}

export interface RequestOptions<M extends MethodName> {
  /** Deadline in seconds; the protocol's by default. */
  readonly seconds?: number;
  /**
   * Called with the response inside the frame's own turn: notifications that follow it in the same read are
   * handled after this, which a promise cannot promise.
   */
  readonly onResponse?: (data: ResponseOf<M>) => void;
}

/** Requests in flight at most, below the node's own limit; more wait for their turn here. */
const IN_FLIGHT = 24;
/** Seconds between two pings. */
const PING_SECONDS = 10;
/** Seconds until an unanswered ping means a lost socket. */
const PONG_SECONDS = 5;

/**
 * One WebSocket of watershed.v1: requests with ids and deadlines, ordered notifications. It knows nothing of
 * rooms, and lives as long as its socket; `seq` is carried over to the next one by whoever resumes.
 */
export class Signaling extends Emitter<{
  /** Once, and nothing after it. Every request in flight has been rejected with `connection_lost` by then. */
  end: [SocketEnd];
}> {
  /** Notifications, in order. */
  readonly events = new Notifications();
  readonly #socket: ClientSocket;
  readonly #pending = new Map<number, Pending>();
  /** Frames that wait until fewer requests are in flight, by request. */
  readonly #queued = new Map<number, string>();
  #nextId = 1;
  /** Last notification seen; null after a fresh resume, when any number may come next. */
  #lastSeq: number | null;
  #ended = false;
  #closedHere = false;
  #pingTimer: ReturnType<typeof setInterval> | undefined;

  /**
   * @param url base URL of a node, `wss://host[:port]`
   * @param lastSeq of the session that this socket will resume, 0 for a new one
   */
  constructor(environment: Pick<ClientEnvironment, 'openSocket'>, url: string, bearer: string, lastSeq = 0) {
    super();
    this.#lastSeq = lastSeq;
    this.#socket = environment.openSocket(signalUrl(url), bearer, {
      open: () => undefined,
      message: (text) => this.#receive(text),
      closed: (end) => this.#end({ ...end, local: this.#closedHere }),
      refused: ({ status, body }) => this.#end({ code: 1006, reason: '', status, body, local: false }),
    });
  }

  get ended(): boolean {
    return this.#ended;
  }

  /** The number to send with `resume`. */
  get lastSeq(): number {
    return this.#lastSeq ?? 0;
  }

  /** Rejects with a ClientError: the server's, `deadline`, or `connection_lost`. */
  request<M extends MethodName>(
    method: M,
    data: RequestOf<M>,
    options: RequestOptions<M> = {},
  ): Promise<ResponseOf<M>> {
    if (this.#ended) return Promise.reject(clientError('connection_lost'));
    const id = this.#nextId++;
    return new Promise((resolve, reject) => {
      const timer = setTimeout(
        () => {
          this.#done(id);
          reject(
            new ClientError({ code: 'deadline', message: `No answer to ${method} in time.`, retry: true }),
          );
        },
        (options.seconds ?? REQUEST_SECONDS) * 1000,
      );
      this.#pending.set(id, {
        settle: (frame) => {
          clearTimeout(timer);
          this.#done(id);
          if (!frame.ok) {
            reject(frame.error);
            return;
          }
          const parsed = parsers[method].response.safeParse(frame.data);
          if (!parsed.success) {
            reject(clientError('protocol_broken', `the response of ${method}`));
            return;
          }
          this.#noteResponse(method, frame.data);
          options.onResponse?.(parsed.data);
          resolve(parsed.data);
        },
      });
      const frame = JSON.stringify({ type: 'request', id, method, data });
      // A sign of life cannot wait behind what may be stuck.
      if (method === 'ping') this.#socket.send(frame);
      else this.#queued.set(id, frame);
      this.#sendQueued();
    });
  }

  #done(id: number): void {
    this.#pending.delete(id);
    this.#queued.delete(id);
    this.#sendQueued();
  }

  /** Sends as many of those that wait as may be in flight. A request has its deadline from when it was made. */
  #sendQueued(): void {
    for (const [id, frame] of this.#queued) {
      if (this.#ended || this.#pending.size - this.#queued.size >= IN_FLIGHT) return;
      this.#queued.delete(id);
      this.#socket.send(frame);
    }
  }

  /** Pings every 10 s, so that a dead network is noticed. */
  startPinging(): void {
    this.#pingTimer ??= setInterval(() => this.check(PONG_SECONDS), PING_SECONDS * 1000);
  }

  /** Asks the node for a sign of life; without one within `seconds` the socket is given up as lost. */
  check(seconds = PONG_SECONDS): void {
    this.request('ping', {}, { seconds }).catch((error: unknown) => {
      if (error instanceof ClientError && error.problem.code === 'deadline') this.close(CLOSE.deadline);
    });
  }

  /** Ends the socket; `end` follows. Idempotent. */
  close(code: number): void {
    if (this.#ended) return;
    this.#closedHere = true;
    this.#socket.close(code);
  }

  #receive(text: string): void {
    if (this.#ended || this.#closedHere) return;
    const frame = serverFrameSchema.safeParse(parseJson(text));
    if (!frame.success) {
      this.close(CLOSE.badMessage);
      return;
    }
    if (frame.data.type === 'response') {
      const { id } = frame.data;
      // An answer after its deadline has nobody waiting.
      if (frame.data.ok) this.#pending.get(id)?.settle({ ok: true, data: frame.data.data });
      else this.#pending.get(id)?.settle({ ok: false, error: new ClientError(frame.data.error) });
      return;
    }
    this.#notify(frame.data.seq, frame.data.event, frame.data.data);
  }

  #notify(seq: number, event: string, data: unknown): void {
    if (seq > 0) {
      if (this.#lastSeq !== null && seq <= this.#lastSeq) return;
      if (this.#lastSeq !== null && seq !== this.#lastSeq + 1) {
        // Something was missed: a resume asks for it again.
        this.close(CLOSE.badMessage);
        return;
      }
      this.#lastSeq = seq;
    }
    // An event of a later minor version: that is how the protocol grows.
    if (isEventName(event)) this.events.dispatch(event, data);
  }

  #noteResponse(method: MethodName, data: unknown): void {
    if (method !== 'resume') return;
    const resumed = METHODS.resume.response.safeParse(data);
    if (resumed.success && resumed.data.mode === 'fresh') this.#lastSeq = null;
  }

  #end(end: SocketEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#pingTimer);
    for (const pending of [...this.#pending.values()]) {
      pending.settle({ ok: false, error: clientError('connection_lost') });
    }
    this.emit('end', end);
  }
}

/** The signaling URL of a node's base URL. */
export function signalUrl(base: string): string {
  return base.replace(/\/+$/, '') + SIGNAL_PATH;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
