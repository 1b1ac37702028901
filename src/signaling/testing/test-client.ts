import { once } from 'node:events';
import { WebSocket } from 'ws';
import { z } from 'zod';
import { EVENTS, type EventData, type EventName } from '../../protocol/events.ts';
import { type NotificationFrame, type ServerFrame, serverFrameSchema } from '../../protocol/frames.ts';
import { METHODS, type MethodName, type ResponseOf } from '../../protocol/methods.ts';
import { waitFor } from '../../testing/wait.ts';

interface Parser<T> {
  parse(data: unknown): T;
}
const RESPONSES: { readonly [M in MethodName]: { readonly response: Parser<ResponseOf<M>> } } = METHODS;
const EVENT_PARSERS: { readonly [E in EventName]: Parser<EventData<E>> } = EVENTS;

const WAIT_MS = 15_000;
let nextId = 1;

/** Resolves once `found` gives something; fails the test after 15 s. */
export function eventually<T>(what: string, found: () => T | undefined | false): Promise<T> {
  return waitFor(what, found, WAIT_MS, 5);
}

/** The protocol from the other side, with nothing done for it: every frame is parsed and kept. */
export class TestClient {
  readonly socket: WebSocket;
  readonly opened: Promise<unknown>;
  readonly frames: ServerFrame[] = [];
  /** The close code; null while the socket is open. */
  closedWith: number | null = null;
  /** Set by the fixture's `join`. */
  joined: unknown = null;

  constructor(url: string) {
    this.socket = new WebSocket(url);
    this.opened = once(this.socket, 'open');
    this.socket.on('message', (data) => {
      this.frames.push(serverFrameSchema.parse(JSON.parse(data.toString())));
    });
    this.socket.on('close', (code) => {
      this.closedWith = code;
    });
    this.socket.on('error', () => undefined);
  }

  get notifications(): NotificationFrame[] {
    return this.frames.filter((frame) => frame.type === 'notification');
  }

  /** Names of the notifications so far. */
  get events(): string[] {
    return this.notifications.map(({ event }) => event);
  }

  get resumeToken(): string {
    return z.object({ resumeToken: z.string() }).parse(this.joined).resumeToken;
  }

  get peerId(): string {
    return z.object({ peerId: z.string() }).parse(this.joined).peerId;
  }

  /** The number of the last notification seen. */
  get lastSeq(): number {
    return Math.max(0, ...this.notifications.map(({ seq }) => seq));
  }

  /** Sends a request without waiting; answers its id, which no other client uses unless it is given. */
  send(method: string, data: unknown = {}, id = nextId++): number {
    this.socket.send(JSON.stringify({ type: 'request', id, method, data }));
    return id;
  }

  /** The response to a request that was sent. */
  async response(id: number) {
    return eventually(`response ${id}`, () =>
      this.frames.find((frame) => frame.type === 'response' && frame.id === id),
    );
  }

  /** The parsed data of a response; throws the code of an error. */
  async request<M extends MethodName>(method: M, data: unknown = {}): Promise<ResponseOf<M>> {
    const frame = await this.response(this.send(method, data));
    if (frame.type !== 'response') throw new Error('not a response');
    if (!frame.ok) throw new Error(frame.error.code);
    return RESPONSES[method].response.parse(frame.data);
  }

  /** The first notification by this name after the first `after` of its kind. */
  async event<E extends EventName>(event: E, after = 0): Promise<EventData<E>> {
    const frame = await eventually(`event ${event}`, () =>
      this.notifications.filter((candidate) => candidate.event === event).at(after),
    );
    return EVENT_PARSERS[event].parse(frame.data);
  }

  /** The code of the close, once the socket is closed. */
  closed(): Promise<number> {
    return eventually('the close', () => this.closedWith ?? undefined);
  }

  /** Ends the socket as a broken network does. */
  cut(): void {
    this.socket.terminate();
  }
}
