import { type RawData, WebSocket } from 'ws';
import { z } from 'zod';
import { type Link, LinkError, type LinkLog, type LinkPeer, type LinkTiming } from './types.ts';

/** Bytes that may wait to be sent: a node that reads so slowly is as good as gone. */
const MAX_BUFFERED_BYTES = 16 * 1024 * 1024;
export const MAX_LINK_MESSAGE_BYTES = 1024 * 1024;
const MAX_IN_FLIGHT = 10_000;
const REQUEST_MS = 5000;

const messageSchema = z.discriminatedUnion('type', [
  z.object({
    type: z.literal('request'),
    id: z.int().nonnegative(),
    name: z.string().max(64),
    data: z.unknown(),
  }),
  z.object({ type: z.literal('answer'), id: z.int().nonnegative(), data: z.unknown() }),
  z.object({
    type: z.literal('error'),
    id: z.int().nonnegative(),
    code: z.string().max(64),
    message: z.string(),
  }),
  z.object({ type: z.literal('notice'), name: z.string().max(64), data: z.unknown() }),
]);
type Message = z.infer<typeof messageSchema>;

export interface ChannelHandlers {
  readonly requests: ReadonlyMap<string, (from: Link, data: unknown) => unknown>;
  readonly notices: ReadonlyMap<string, (from: Link, data: unknown) => void>;
  readonly log: LinkLog;
  readonly timing: Pick<LinkTiming, 'pingMs' | 'silenceMs'>;
  onClosed(channel: Channel, reason: string): void;
}

interface Waiting {
  resolve(data: unknown): void;
  reject(error: LinkError): void;
  readonly timer: NodeJS.Timeout;
}

/** One link over one socket whose far side has been verified. */
export class Channel implements Link {
  readonly peer: LinkPeer;
  /** DER of the far side's certificate, to be judged again when the policy is switched. */
  readonly certificate: Uint8Array;
  readonly #socket: WebSocket;
  readonly #handlers: ChannelHandlers;
  readonly #waiting = new Map<number, Waiting>();
  readonly #pinging: NodeJS.Timeout;
  #heardAt = performance.now();
  #nextId = 0;
  #closed = false;

  constructor(socket: WebSocket, peer: LinkPeer, certificate: Uint8Array, handlers: ChannelHandlers) {
    this.#socket = socket;
    this.peer = peer;
    this.certificate = certificate;
    this.#handlers = handlers;
    const heard = (): void => {
      this.#heardAt = performance.now();
    };
    socket.on('pong', heard);
    socket.on('ping', heard);
    socket.on('message', (raw) => {
      heard();
      this.#read(raw);
    });
    socket.on('close', (code) => this.close(`closed by the far side with ${code}`));
    socket.on('error', (error) => this.close(error.message));
    this.#pinging = setInterval(() => this.#ping(), handlers.timing.pingMs);
  }

  get open(): boolean {
    return !this.#closed;
  }

  request(name: string, data: unknown, timeoutMs = REQUEST_MS): Promise<unknown> {
    if (this.#closed) return Promise.reject(new LinkError('link_lost', 'the link is down'));
    if (this.#waiting.size >= MAX_IN_FLIGHT) {
      return Promise.reject(new LinkError('link_lost', 'too many requests wait for this node'));
    }
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      const timer = setTimeout(() => {
        this.#waiting.delete(id);
        reject(new LinkError('link_timeout', `${name}: no answer within ${timeoutMs} ms`));
      }, timeoutMs);
      this.#waiting.set(id, { resolve, reject, timer });
      if (this.#send({ type: 'request', id, name, data })) return;
      this.#settle(id)?.reject(new LinkError('link_too_large', `${name}: larger than a link carries`));
    });
  }

  notice(name: string, data: unknown): void {
    this.#send({ type: 'notice', name, data });
  }

  close(reason: string): void {
    if (this.#closed) return;
    this.#closed = true;
    clearInterval(this.#pinging);
    for (const { reject, timer } of this.#waiting.values()) {
      clearTimeout(timer);
      reject(new LinkError('link_lost', 'the link went down before the answer came'));
    }
    this.#waiting.clear();
    // Not waited for: a far side that is gone would hold the socket for long.
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.close(1000);
    else this.#socket.terminate();
    setTimeout(() => this.#socket.terminate(), 1000).unref();
    this.#handlers.onClosed(this, reason);
  }

  #ping(): void {
    if (performance.now() - this.#heardAt > this.#handlers.timing.silenceMs) this.close('silent');
    else this.#socket.ping();
  }

  /**
   * False for a message that is too large. The far side would close the link over it, for everything that the two
   * nodes have in common, so it is not sent; what it would have said is its sender's own loss.
   */
  #send(message: Message): boolean {
    if (this.#closed) return true;
    const text = JSON.stringify(message);
    const bytes = Buffer.byteLength(text);
    if (bytes > MAX_LINK_MESSAGE_BYTES) {
      const what = 'name' in message ? message.name : undefined;
      this.#handlers.log.error({ type: message.type, what, bytes }, 'link: a message is too large');
      return false;
    }
    this.#socket.send(text);
    if (this.#socket.bufferedAmount > MAX_BUFFERED_BYTES) this.close('reads too slowly');
    return true;
  }

  #read(raw: RawData): void {
    if (this.#closed) return;
    let message: Message;
    try {
      message = messageSchema.parse(JSON.parse(raw.toString()));
    } catch {
      this.close('a malformed message');
      return;
    }
    switch (message.type) {
      case 'request':
        void this.#answer(message.id, message.name, message.data);
        return;
      case 'notice':
        this.#notified(message.name, message.data);
        return;
      case 'answer':
        this.#settle(message.id)?.resolve(message.data);
        return;
      case 'error':
        this.#settle(message.id)?.reject(new LinkError(message.code, message.message));
    }
  }

  /** Undefined for an answer that comes after its deadline. */
  #settle(id: number): Waiting | undefined {
    const waiting = this.#waiting.get(id);
    if (waiting === undefined) return undefined;
    this.#waiting.delete(id);
    clearTimeout(waiting.timer);
    return waiting;
  }

  async #answer(id: number, name: string, data: unknown): Promise<void> {
    try {
      const handler = this.#handlers.requests.get(name);
      if (handler === undefined) throw new LinkError('unknown_request', `no handler for ${name}`);
      if (!this.#send({ type: 'answer', id, data: await handler(this, data) }))
        throw new LinkError('link_too_large', `${name}: the answer is larger than a link carries`);
    } catch (error) {
      this.#send({ type: 'error', id, ...this.#told(name, error) });
    }
  }

  #told(name: string, error: unknown): { code: string; message: string } {
    if (error instanceof Error && 'code' in error && typeof error.code === 'string') {
      return { code: error.code.slice(0, 64), message: error.message };
    }
    if (error instanceof z.ZodError) return { code: 'bad_request', message: 'the data does not fit' };
    this.#handlers.log.error({ err: error, name }, 'link: a request failed');
    return { code: 'internal', message: 'the node failed to do this' };
  }

  #notified(name: string, data: unknown): void {
    try {
      this.#handlers.notices.get(name)?.(this, data);
    } catch (error) {
      this.#handlers.log.error({ err: error, name, node: this.peer.id }, 'link: a notice could not be read');
    }
  }
}
