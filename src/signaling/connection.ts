import type { RawData, WebSocket } from 'ws';
import { CLOSE, type CloseCode, type ErrorCode, WatershedError } from '../protocol/errors.ts';
import { type RequestFrame, type ResponseFrame, requestFrameSchema } from '../protocol/frames.ts';
import { isMethodName } from '../protocol/methods.ts';
import type { Clock, Timer } from '../rooms/clock.ts';
import { notification, notificationFrame } from '../rooms/notification.ts';
import type { Log } from '../rooms/ports.ts';
import { TokenBucket } from '../rooms/token-bucket.ts';
import type { SignalingLimits } from './limits.ts';
import type { ConnectionEnd, SignalingMetrics } from './metrics.ts';

export interface ConnectionDeps {
  readonly limits: SignalingLimits;
  readonly clock: Clock;
  readonly log: Log;
  readonly metrics: SignalingMetrics;
}

/** The answer to one request; `after` runs once the response is on its way, before any other frame. */
export interface Reply {
  readonly data: unknown;
  readonly after?: () => void;
}

/** Whoever talks over a connection. */
export interface ConnectionOwner {
  /** Answers one request; rejects with a WatershedError for an error response. */
  handle(request: RequestFrame): Promise<Reply>;
  /** The connection is over, from this moment; called once. */
  ended(end: ConnectionEnd): void;
}

/** Methods that change nothing: once the session is in its room they do not wait for requests before them. */
const UNORDERED: ReadonlySet<string> = new Set(['ping', 'getStats']);
/** Quiet time after which refused messages are forgiven, in ms. */
const FORGIVE_MS = 5000;

/**
 * One admitted socket: frames in and out, and every limit on them. It knows requests and responses, and nothing
 * of sessions or rooms.
 */
export class Connection {
  readonly #socket: WebSocket;
  readonly #deps: ConnectionDeps;
  readonly #owner: ConnectionOwner;
  readonly #bucket: TokenBucket;
  readonly #inFlight = new Set<number>();
  /** The end of the queue of ordered requests; never rejects. */
  #queue: Promise<void> = Promise.resolve();
  #deadline: Timer | null;
  #closing: Timer | null = null;
  #heard = false;
  #settled = false;
  #ended = false;
  #refusedInRow = 0;
  #refusedAtMs = 0;

  /** Listens from this moment on. `onGone` is called when the socket itself is closed. */
  constructor(socket: WebSocket, deps: ConnectionDeps, owner: ConnectionOwner, onGone: () => void) {
    this.#socket = socket;
    this.#deps = deps;
    this.#owner = owner;
    this.#bucket = new TokenBucket(deps.limits.messages, deps.clock);
    this.#deadline = this.#failAfter(deps.limits.firstMessageSeconds);
    socket.on('message', (data, isBinary) => this.#receive(data, isBinary));
    // ws answers pings itself; a flood of them costs as much as one of requests.
    socket.on('ping', () => {
      if (!this.#ended && !this.#bucket.take()) this.#countRefused();
    });
    socket.on('error', (error) => this.#socketFailed(error));
    socket.on('close', (code) => {
      this.#closing?.cancel();
      // 1000 and 1001 are a client that means to go (a page that is closed); everything else may come back.
      this.#finish(code === 1000 || code === 1001 ? 'client' : 'lost');
      onGone();
    });
  }

  get open(): boolean {
    return !this.#ended;
  }

  /** The session is in its room or waits for it: no deadline runs any more. */
  settle(): void {
    this.#settled = true;
    this.#deadline?.cancel();
    this.#deadline = null;
  }

  /** Sends a frame; nothing happens once the connection is over. A reader that lags too far is cut off. */
  send(frame: string): void {
    if (this.#ended) return;
    if (this.#socket.bufferedAmount + frame.length > this.#deps.limits.maxBufferedBytes) {
      this.fail('slow_reader', CLOSE.slowReader);
      return;
    }
    this.#socket.send(frame);
  }

  /** Counts a request for more than one; `rate_limited`, as if so many had come. */
  charge(more: number): void {
    if (this.#bucket.take(more)) return;
    this.#countRefused();
    throw new WatershedError('rate_limited', 'costly requests');
  }

  /** Says `bye` and closes. */
  fail(code: ErrorCode, close: CloseCode, detail?: string): void {
    const bye = notification('bye', new WatershedError(code, detail).toWire());
    this.end(notificationFrame(bye, 0), close, code);
  }

  /** Sends the last word, if any, and closes; the socket is cut when the other side does not close in time. */
  end(lastWord: string | null, close: CloseCode, end: ConnectionEnd): void {
    if (this.#ended) return;
    this.#ended = true;
    if (lastWord !== null) this.#socket.send(lastWord);
    this.#socket.close(close);
    this.#closing = this.#deps.clock.after(this.#deps.limits.closeSeconds * 1000, () => this.cut());
    this.#finish(end);
  }

  /** Ends the socket without a word. */
  cut(): void {
    this.#socket.terminate();
  }

  #finished = false;
  #finish(end: ConnectionEnd): void {
    if (this.#finished) return;
    this.#finished = true;
    this.#ended = true;
    this.#deadline?.cancel();
    this.#deps.metrics.connectionEnded(end);
    this.#owner.ended(end);
  }

  #socketFailed(error: Error): void {
    this.#deps.log.debug({ err: error }, 'socket failed');
    // What ws refuses by itself is not a lost network: it has sent its own close code (1009 for a large frame).
    const code = 'code' in error ? error.code : undefined;
    if (code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH') this.#finish('message_too_large');
    else if (typeof code === 'string' && code.startsWith('WS_ERR_')) this.#finish('bad_message');
  }

  #failAfter(seconds: number): Timer {
    return this.#deps.clock.after(seconds * 1000, () => this.fail('deadline', CLOSE.deadline));
  }

  #receive(data: RawData, isBinary: boolean): void {
    if (this.#ended) return;
    const frame = isBinary ? undefined : requestOf(data);
    if (frame === undefined) {
      this.fail('bad_message', CLOSE.badMessage);
      return;
    }
    if (!this.#heard) {
      this.#heard = true;
      this.#deadline?.cancel();
      this.#deadline = this.#failAfter(this.#deps.limits.joinSeconds);
    }
    if (this.#inFlight.has(frame.id)) {
      this.fail('bad_message', CLOSE.badMessage, 'a request with this id is in flight');
      return;
    }
    if (!this.#bucket.take()) {
      this.#respondError(frame.id, new WatershedError('rate_limited'));
      this.#countRefused();
      return;
    }
    if (this.#inFlight.size >= this.#deps.limits.requestsInFlight) {
      this.#respondError(frame.id, new WatershedError('rate_limited', 'too many requests in flight'));
      this.#countRefused();
      return;
    }
    this.#inFlight.add(frame.id);
    const askedAtMs = this.#deps.clock.monotonicMs();
    if (this.#settled && UNORDERED.has(frame.method)) void this.#answer(frame, askedAtMs);
    else this.#queue = this.#queue.then(() => this.#answer(frame, askedAtMs));
  }

  #countRefused(): void {
    const now = this.#deps.clock.monotonicMs();
    if (now - this.#refusedAtMs > FORGIVE_MS) this.#refusedInRow = 0;
    this.#refusedAtMs = now;
    this.#refusedInRow += 1;
    if (this.#refusedInRow > this.#deps.limits.floodMessages) this.fail('rate_limited', CLOSE.rateLimited);
  }

  /** Never rejects. */
  async #answer(frame: RequestFrame, askedAtMs: number): Promise<void> {
    if (this.#ended) return;
    let result: 'ok' | ErrorCode = 'ok';
    let after: Reply['after'];
    try {
      const reply = await this.#inTime(this.#owner.handle(frame));
      this.#respond({ type: 'response', id: frame.id, ok: true, data: reply.data });
      after = reply.after;
    } catch (error) {
      if (!(error instanceof WatershedError)) {
        this.#deps.log.error({ err: error, method: frame.method }, 'request failed');
      }
      const told = error instanceof WatershedError ? error : new WatershedError('internal');
      result = told.code;
      this.#respondError(frame.id, told);
      // A join or resume that hangs leaves no state to go on from.
      if (result === 'deadline' && !this.#settled) this.fail('deadline', CLOSE.deadline);
    } finally {
      this.#inFlight.delete(frame.id);
      const method = isMethodName(frame.method) ? frame.method : 'unknown';
      const seconds = (this.#deps.clock.monotonicMs() - askedAtMs) / 1000;
      this.#deps.metrics.request(method, result, seconds);
    }
    try {
      after?.();
    } catch (error) {
      this.#deps.log.error({ err: error, method: frame.method }, 'what follows a response failed');
      this.fail('internal', CLOSE.internal);
    }
  }

  async #inTime(reply: Promise<Reply>): Promise<Reply> {
    let timer: Timer | undefined;
    const deadline = new Promise<never>((_, reject) => {
      timer = this.#deps.clock.after(this.#deps.limits.requestSeconds * 1000, () =>
        reject(new WatershedError('deadline')),
      );
    });
    try {
      return await Promise.race([reply, deadline]);
    } finally {
      timer?.cancel();
    }
  }

  #respond(frame: ResponseFrame): void {
    this.send(JSON.stringify(frame));
  }

  #respondError(id: number, error: WatershedError): void {
    this.#respond({ type: 'response', id, ok: false, error: error.toWire() });
  }
}

/** The request in a text frame; undefined for what is none. */
function requestOf(data: RawData): RequestFrame | undefined {
  try {
    const parsed = requestFrameSchema.safeParse(JSON.parse(data.toString()));
    return parsed.success ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
