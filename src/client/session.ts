import type { Device } from 'mediasoup-client';
import type { EventData } from '../protocol/events.ts';
import type { MethodName, RequestOf, ResponseOf } from '../protocol/methods.ts';
import type { TransportInfo } from '../protocol/rtp.ts';
import type { Joined } from '../protocol/state.ts';
import type { Connection } from './connector.ts';
import { Emitter } from './emitter.ts';
import type { ClientEnvironment } from './environment.ts';
import type { Link } from './link.ts';
import type { Unanswered } from './pending-request.ts';
import { ClientError, clientError, type Problem, problemOfCatalogue } from './problem.ts';
import { resumeSession } from './resume.ts';
import { capabilitiesFromWire, capabilitiesToWire } from './rtp-wire.ts';
import { type LastWord, readEnd, type SessionEnd } from './session-end.ts';
import type { RequestOptions, Signaling } from './signaling.ts';

export interface SessionDeps {
  readonly environment: ClientEnvironment;
  readonly attemptTimeout: number;
  /** Called with each socket of the session before anything is said on it. */
  readonly onSocket: (signaling: Signaling) => void;
  /** Asked while resuming: true when one more try is to be the last. */
  readonly giveUp: (failedTries: number) => Promise<boolean>;
  /** Asked while resuming: a join token that the node has not seen yet, if there is one. */
  readonly freshToken: () => Promise<string | undefined>;
  readonly onTokenSeen: (token: string) => void;
}

/** How a join came out: in the room, or before its door. */
export type Entry = { readonly state: 'joined'; readonly joined: Joined } | { readonly state: 'waiting' };

/**
 * One membership in a room at one node, across the sockets it lives on. It ends once; what comes after an end
 * is a new session, and a new peer.
 */
export class Session
  extends Emitter<{
    /** In the room: by the join's response, by a host's admission, or afresh after a resume. */
    joined: [Joined, { afresh: boolean }];
    /** A transport asked for together with the join. */
    transport: ['send' | 'receive', TransportInfo];
    lost: [];
    resumed: [{ afresh: boolean }];
    ended: [Exclude<SessionEnd, { kind: 'lost' }>];
  }>
  implements Link
{
  readonly device: Device;
  readonly connection: Connection;
  readonly #deps: SessionDeps;
  readonly #abort = new AbortController();
  #signaling: Signaling;
  #lastWord: LastWord | null = null;
  #resumeToken: string | null = null;
  #resumeWindow = 0;
  #resuming: Promise<void> | null = null;
  /** Requests that a lost socket took with it, until they are repeated on the next. */
  #unanswered: Unanswered = { requests: [], nextId: 1 };
  #ended = false;

  constructor(connection: Connection, device: Device, deps: SessionDeps) {
    super();
    this.connection = connection;
    this.device = device;
    this.#deps = deps;
    this.#signaling = connection.signaling;
    this.#listen(this.#signaling);
  }

  get open(): boolean {
    return !this.#ended;
  }

  /** Joins, and asks for both transports in the same breath. Throws a ClientError; then the session is over. */
  async join(displayName: string | undefined, seconds: number): Promise<Entry> {
    let entry: Entry | undefined;
    const join = this.#signaling.request(
      'join',
      { displayName, rtpCapabilities: capabilitiesToWire(this.device.recvRtpCapabilities) },
      {
        seconds,
        onResponse: (response) => {
          if (response.state === 'joined') this.#enter(response, false);
          // Who waits says nothing else: without it a dead network would never be noticed.
          else this.#signaling.startPinging();
          entry = response.state === 'joined' ? { state: 'joined', joined: response } : { state: 'waiting' };
        },
      },
    );
    const transports = Promise.allSettled([this.#openTransport('send'), this.#openTransport('receive')]);
    try {
      await join;
    } catch (error) {
      this.close();
      // What the node said before it closed is more than that it closed.
      if (this.#lastWord !== null) throw new ClientError(this.#lastWord.problem, { cause: error });
      throw error;
    }
    if (entry === undefined) throw clientError('protocol_broken', 'join');
    // While it waits these were refused; they are asked for again when a host admits it.
    if (entry.state === 'joined') await transports;
    return entry;
  }

  /** The list of a redirect that ended the join, if one did. */
  get redirect(): string | null {
    return this.#lastWord?.kind === 'redirect' ? this.#lastWord.signature : null;
  }

  async request<M extends MethodName>(
    method: M,
    data: RequestOf<M>,
    options?: RequestOptions<M>,
  ): Promise<ResponseOf<M>> {
    if (this.#resuming !== null) await this.#resuming;
    if (this.#ended) throw clientError('not_connected');
    return this.#signaling.request(method, data, options);
  }

  /** Asks the node for a sign of life. */
  check(seconds: number): void {
    if (this.#resuming === null && !this.#ended) this.#signaling.check(seconds);
  }

  /** Lets go of the node without a word of the room's: `leave` comes before, where there is time. Idempotent. */
  close(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#abort.abort();
    // 1000 says that the socket is not coming back, so the node does not keep the session for it.
    this.#signaling.close(1000);
    this.#dropUnanswered();
    this.removeAll();
  }

  #dropUnanswered(): void {
    for (const request of this.#unanswered.requests) {
      request.settle({ ok: false, error: clientError('connection_lost') });
    }
    this.#unanswered = { requests: [], nextId: 1 };
  }

  #listen(signaling: Signaling): void {
    const word = (kind: 'bye' | 'refused', { code, message, retry }: Problem): void => {
      this.#lastWord = { kind, problem: { code, message, retry } };
    };
    signaling.events.on('bye', (bye) => word('bye', bye));
    signaling.events.on('refused', (refusal) => word('refused', refusal));
    signaling.events.on('redirect', ({ code, list }) => {
      const { signature } = list;
      this.#lastWord = { kind: 'redirect', problem: problemOfCatalogue(code), signature };
    });
    signaling.events.on('admitted', (joined: EventData<'admitted'>) => this.#enter(joined, false));
    this.#deps.onSocket(signaling);
    signaling.on('end', (end) => {
      if (signaling !== this.#signaling || this.#ended) return;
      if (this.#resumeToken !== null) this.#unanswered = signaling.takeUnanswered();
      if (this.#resuming === null) this.#onEnd(readEnd(end, this.#lastWord));
    });
  }

  #enter(joined: Joined, afresh: boolean): void {
    this.#resumeToken = joined.resumeToken;
    this.#resumeWindow = joined.resumeWindow;
    this.#signaling.startPinging();
    this.emit('joined', joined, { afresh });
  }

  async #openTransport(direction: 'send' | 'receive'): Promise<void> {
    const info = await this.#signaling.request('createTransport', { direction });
    this.emit('transport', direction, info);
  }

  #onEnd(end: SessionEnd): void {
    // One who waits, or has not joined, has nothing to come back to.
    if (end.kind === 'lost' && this.#resumeToken !== null) {
      this.emit('lost');
      this.#resuming = this.#resume(this.#resumeToken);
      return;
    }
    this.#end(
      end.kind === 'lost' ? { kind: 'rejoin', problem: clientError('connection_lost').problem } : end,
    );
  }

  /** Never rejects. Requests made meanwhile wait for it. */
  async #resume(firstToken: string): Promise<void> {
    let afresh = false;
    for (let token: string | null = firstToken; token !== null; ) {
      this.#resumeToken = null;
      let current = this.#signaling;
      const result = await resumeSession({
        environment: this.#deps.environment,
        url: this.connection.entry.url,
        resumeToken: token,
        lastSeq: this.#signaling.lastSeq,
        nextId: this.#unanswered.nextId,
        windowSeconds: this.#resumeWindow,
        attemptTimeout: this.#deps.attemptTimeout,
        giveUp: this.#deps.giveUp,
        freshToken: this.#deps.freshToken,
        onTokenSeen: this.#deps.onTokenSeen,
        signal: this.#abort.signal,
        onSocket: (signaling) => {
          current = signaling;
          // What was said on another socket, such as to come back later, ends nothing on this one.
          this.#lastWord = null;
          this.#listen(signaling);
        },
        toldWhy: () => this.#lastWord !== null,
        onResponse: (response) => {
          this.#signaling = current;
          this.#resumeToken = response.resumeToken;
          if (response.mode === 'fresh') {
            afresh = true;
            this.#enter(response.joined, true);
          } else this.#signaling.startPinging();
          // Until it hears from us the node cannot know that we have the new token, and takes the old one too.
          current.check();
          // The node answers again what it has answered already, and carries out what never reached it.
          const { requests } = this.#unanswered;
          this.#unanswered = { ...this.#unanswered, requests: [] };
          current.repeat(requests);
        },
      });
      if (this.#ended) return;
      if ('gone' in result) {
        const { gone: problem, ...how } = result;
        this.#end({ kind: 'rejoin', problem, ...how });
        return;
      }
      // Lost again before this went on: once more, with the token just got.
      token = result.signaling.ended ? this.#resumeToken : null;
    }
    this.#resuming = null;
    this.emit('resumed', { afresh });
  }

  #end(end: Exclude<SessionEnd, { kind: 'lost' }>): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#abort.abort();
    this.#dropUnanswered();
    this.emit('ended', end);
    this.removeAll();
  }
}

/** A device that knows what this router can do. Throws `device_unsupported`. */
export async function loadDevice(
  environment: ClientEnvironment,
  welcome: EventData<'welcome'>,
): Promise<Device> {
  try {
    const device = await environment.createDevice();
    await device.load({ routerRtpCapabilities: capabilitiesFromWire(welcome.routerRtpCapabilities) });
    return device;
  } catch (error) {
    const detail = error instanceof Error ? error.message : undefined;
    throw new ClientError(clientError('device_unsupported', detail).problem, { cause: error });
  }
}
