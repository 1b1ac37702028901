import { CLOSE } from '../protocol/errors.ts';
import { isEventName } from '../protocol/events.ts';
import { REQUEST_SECONDS, SIGNAL_PATH, serverFrameSchema } from '../protocol/frames.ts';
import { METHODS, type MethodName, type RequestOf, type ResponseOf } from '../protocol/methods.ts';
import { Emitter } from './emitter.ts';
import type { ClientEnvironment, ClientSocket } from './environment.ts';
import { Notifications } from './notifications.ts';
import { isRepeated, type PendingRequest, pendingRequest, type Unanswered } from './pending-request.ts';
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
  /** Once, and nothing after it but the rejection (`connection_lost`) of the requests that nobody takes over. */
  end: [SocketEnd];
}> {
  /** Notifications, in order. */
  readonly events = new Notifications();
  readonly #socket: ClientSocket;
  readonly #pending = new Map<number, PendingRequest>();
  /** Those of them that wait until fewer are in flight. */
  readonly #queued = new Set<PendingRequest>();
  #nextId: number;
  /** Last notification seen; null after a fresh resume, when any number may come next. */
  #lastSeq: number | null;
  #ended = false;
  #closedHere = false;
  #pingTimer: ReturnType<typeof setInterval> | undefined;

  /**
   * @param url base URL of a node, `wss://host[:port]`
   * @param session of which this socket will be another: the last notification seen of it, and its next request
   */
  constructor(
    environment: Pick<ClientEnvironment, 'openSocket'>,
    url: string,
    bearer: string,
    session: { readonly lastSeq: number; readonly nextId: number } = { lastSeq: 0, nextId: 1 },
  ) {
    super();
    this.#lastSeq = session.lastSeq;
    this.#nextId = session.nextId;
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
    const { pending, response } = pendingRequest(this.#nextId++, method, data, {
      seconds: options.seconds ?? REQUEST_SECONDS,
      onResponse: (parsed) => options.onResponse?.(parsed),
    });
    this.#enqueue(pending);
    this.#sendQueued();
    return response;
  }

  /**
   * What this socket took with it and a resumed one should repeat; called when it `end`s. The rest has failed
   * with the socket.
   */
  takeUnanswered(): Unanswered {
    const requests = [...this.#pending.values()].filter(isRepeated);
    for (const request of requests) {
      request.disarm();
      this.#pending.delete(request.id);
    }
    return { requests, nextId: this.#nextId };
  }

  /** Repeats, by their ids, requests that another socket of this session took with it. */
  repeat(requests: readonly PendingRequest[]): void {
    for (const request of requests) this.#enqueue(request);
    this.#sendQueued();
  }

  #enqueue(request: PendingRequest): void {
    this.#pending.set(request.id, request);
    // A request has its deadline from when it was made: a node that is slow slows all that come after.
    request.arm(() => this.#take(request.id));
    // A sign of life cannot wait behind what may be stuck.
    if (request.method === 'ping') this.#socket.send(request.frame);
    else this.#queued.add(request);
  }

  #take(id: number): PendingRequest | undefined {
    const request = this.#pending.get(id);
    if (request === undefined) return undefined;
    this.#pending.delete(id);
    this.#queued.delete(request);
    this.#sendQueued();
    return request;
  }

  /** Sends as many of those that wait as may be in flight. */
  #sendQueued(): void {
    for (const request of this.#queued) {
      if (this.#ended || this.#pending.size - this.#queued.size >= IN_FLIGHT) return;
      this.#queued.delete(request);
      this.#socket.send(request.frame);
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
      // An answer after its deadline has nobody waiting.
      const request = this.#take(frame.data.id);
      if (request === undefined) return;
      if (frame.data.ok) {
        if (request.method === 'resume') this.#noteResumed(frame.data.data);
        request.settle({ ok: true, data: frame.data.data });
      } else request.settle({ ok: false, error: new ClientError(frame.data.error) });
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

  #noteResumed(data: unknown): void {
    const resumed = METHODS.resume.response.safeParse(data);
    if (resumed.success && resumed.data.mode === 'fresh') this.#lastSeq = null;
  }

  #end(end: SocketEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    clearInterval(this.#pingTimer);
    this.emit('end', end);
    for (const request of this.#pending.values()) {
      request.settle({ ok: false, error: clientError('connection_lost') });
    }
    this.#pending.clear();
  }
}

/** The signaling URL of a node's base URL. */
function signalUrl(base: string): string {
  return base.replace(/\/+$/, '') + SIGNAL_PATH;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
