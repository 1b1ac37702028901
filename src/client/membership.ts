import type { EventData } from '../protocol/events.ts';
import type { MethodName, RequestOf, ResponseOf } from '../protocol/methods.ts';
import type { Joined } from '../protocol/state.ts';
import type { ClientEvents, ClientOptions, ClientStatus, ConnectOptions, Seat } from './client-types.ts';
import type { Connection, Entrance } from './connector.ts';
import type { Emitter } from './emitter.ts';
import type { ClientEnvironment } from './environment.ts';
import type { Link } from './link.ts';
import { Liveness } from './liveness.ts';
import { Media } from './media.ts';
import {
  ClientError,
  clientError,
  fail,
  type Outcome,
  type Problem,
  problemOfCatalogue,
  succeed,
  toProblem,
} from './problem.ts';
import { relayMedia, relayNotifications } from './relay.ts';
import { followRoom, type RoomState, stateOfJoined } from './room-state.ts';
import { loadDevice, Session } from './session.ts';
import type { SessionEnd } from './session-end.ts';
import type { RequestOptions, Signaling } from './signaling.ts';
import { backOff, delay } from './timers.ts';
import { TokenRefresh } from './token-refresh.ts';
import { WayIn } from './way-in.ts';

/** Seconds in which a join must be answered; longer than a `welcome`, since media is made for it. */
const JOIN_SECONDS = 8;
const LEAVE_SECONDS = 2;
const REJOIN_SECONDS = 120;
const FIRST_PAUSE = 300;
const LONGEST_PAUSE = 8000;
/** Rejoins within a minute beyond which something keeps sending this session away. */
const REJOINS_PER_MINUTE = 6;

/** One participation in a meeting, from `connect` to the end, over any number of sessions and nodes. */
export class Membership {
  readonly media: Media;
  /** For requests of the application: to the session of the moment. */
  readonly link: Link;
  readonly #environment: ClientEnvironment;
  readonly #options: ClientOptions;
  readonly #connect: ConnectOptions;
  readonly #out: Emitter<ClientEvents>;
  readonly #wayIn: WayIn;
  readonly #refresh: TokenRefresh;
  readonly #abort = new AbortController();
  #rejoins: number[] = [];
  /** URL of a node that is left for last: it is not heard, or may not serve an address of ours. */
  #last: string | undefined;
  #moving = false;
  #session: Session | null = null;
  #status: ClientStatus = 'connecting';
  #seat: Seat | null = null;
  #room: RoomState | null = null;

  constructor(
    environment: ClientEnvironment,
    options: ClientOptions,
    connect: ConnectOptions,
    out: Emitter<ClientEvents>,
  ) {
    this.#environment = environment;
    this.#options = options;
    this.#connect = connect;
    this.#out = out;
    this.media = new Media(options.consumersStartPaused ?? false);
    this.#wayIn = new WayIn({
      environment,
      options,
      connect,
      signal: this.#abort.signal,
      onAttempt: (attempt) => out.emit('attempt', attempt),
    });
    this.link = {
      request: <M extends MethodName>(
        method: M,
        data: RequestOf<M>,
        request?: RequestOptions<M>,
      ): Promise<ResponseOf<M>> =>
        this.#session === null
          ? Promise.reject(clientError('not_connected'))
          : this.#session.request(method, data, request),
    };
    this.#refresh = new TokenRefresh(this.#wayIn.token, {
      hand: async (token) => {
        await this.link.request('refreshToken', { token });
      },
      onProblem: (problem) => out.emit('problem', problem),
      signal: this.#abort.signal,
    });
    this.#wireMedia();
  }

  get status(): ClientStatus {
    return this.#status;
  }

  get seat(): Seat | null {
    return this.#seat;
  }

  get room(): RoomState | null {
    return this.#room;
  }

  async start(): Promise<Outcome<'joined' | 'waiting'>> {
    this.#out.emit('status', 'connecting');
    try {
      return succeed(await this.#enterAnywhere(undefined));
    } catch (error) {
      const problem = toProblem(error, 'no_node_reached');
      this.#finish(problem);
      return fail(problem);
    }
  }

  async leave(): Promise<void> {
    const session = this.#session;
    if (session !== null && this.#status === 'joined') {
      // The node learns it from the closing socket too; a polite word is worth a moment and no more.
      await session.request('leave', {}, { seconds: LEAVE_SECONDS }).catch(() => undefined);
    }
    this.#finish(null);
  }

  /** Directory, list, node, room. Throws a ClientError. */
  #enterAnywhere(redirect: string | undefined): Promise<'joined' | 'waiting'> {
    return this.#wayIn.enter((connection) => this.#enter(connection), { redirect, last: this.#last });
  }

  async #enter(connection: Connection): Promise<Entrance<'joined' | 'waiting'>> {
    const { signaling } = connection;
    const device = await loadDevice(this.#environment, connection.welcome).catch((error: unknown) => {
      signaling.close(1000);
      throw error;
    });
    const { signal } = this.#abort;
    if (signal.aborted) {
      signaling.close(1000);
      throw clientError('closed');
    }
    const liveness = new Liveness(this.media, () => this.#wayIn.networkWorks());
    // While moving, the seat before goes on until this one is taken; only then is anything heard from here.
    const before = this.#session;
    let taken = false;
    const unheard: Signaling[] = [];
    const session: Session = new Session(connection, device, {
      environment: this.#environment,
      attemptTimeout: this.#wayIn.attemptTimeout,
      onSocket: (socket) => (taken ? this.#listen(socket) : unheard.push(socket)),
      giveUp: () => liveness.isSuspected(),
      freshToken: () => this.#wayIn.token.unseen(),
      onTokenSeen: (token) => this.#wayIn.token.seen(token),
    });
    const take = (): void => {
      taken = true;
      before?.close();
      this.#session = session;
      this.media.begin(device, session, this.#environment.restartsIce);
      for (const socket of unheard.splice(0)) this.#listen(socket);
    };
    if (before === null) take();
    session.on('joined', (joined) => {
      if (!taken) take();
      this.#onJoined(joined, connection);
    });
    session.on('transport', (direction, info) => this.media.adopt(direction, info));
    // Whoever leaves on the way in is told nothing more of it.
    const abandon = (): void => session.close();
    signal.addEventListener('abort', abandon);
    try {
      const entry = await session.join(this.#connect.displayName, JOIN_SECONDS);
      if (!session.open) throw clientError('connection_lost');
      // No seat is given up for a place before a door: the way there is taken once the seat is over.
      if (entry.state === 'waiting' && !taken) throw new ClientError(problemOfCatalogue('waiting_timeout'));
      session.on('lost', () => {
        liveness.begin();
        this.#setStatus('resuming');
      });
      session.on('resumed', ({ afresh }) => this.#onResumed(session, afresh));
      session.on('ended', (end) => this.#onEnded(session, end));
      if (entry.state === 'waiting') this.#setStatus('waiting');
      else this.media.open();
      return { kind: 'entered', value: entry.state };
    } catch (error) {
      session.close();
      if (taken) {
        this.#session = null;
        this.media.end();
      }
      if (session.redirect !== null) {
        return { kind: 'redirect', code: 'region_not_admitted', signature: session.redirect };
      }
      return { kind: 'refused', problem: toProblem(error, 'connection_lost') };
    } finally {
      signal.removeEventListener('abort', abandon);
    }
  }

  #onJoined(joined: Joined, { entry, welcome }: Connection): void {
    const admitted = this.#status === 'waiting';
    this.#seat = {
      node: welcome.node.id,
      datacenter: entry.datacenter,
      region: welcome.node.region,
      url: entry.url,
      policy: welcome.policy,
    };
    this.#out.emit('seat', this.#seat);
    this.#setRoom(stateOfJoined(joined, this.#room?.chat));
    // During a resume the socket is not handed over yet; `resumed` follows.
    if (this.#status !== 'resuming') this.#setStatus('joined');
    if (admitted) this.media.open();
  }

  #onResumed(session: Session, afresh: boolean): void {
    this.#setStatus('joined');
    void this.media.resumed();
    if (!afresh) return;
    // What the node names anew comes before the answer to this; what it did not name is gone.
    session
      .request('ping', {})
      .then(() => this.media.subscriptions.keepOnly(new Set(this.#room?.consumers.keys())))
      .catch(() => undefined);
  }

  #onEnded(session: Session, end: Exclude<SessionEnd, { kind: 'lost' }>): void {
    if (session !== this.#session) return;
    const isLast = end.kind === 'rejoin' && (end.unheard || end.problem.code === 'address_refused');
    this.#last = isLast ? session.connection.entry.url : undefined;
    this.#session = null;
    this.#seat = null;
    this.media.end();
    this.#out.emit('seat', null);
    if (end.kind === 'over') {
      this.#finish(end.problem);
      return;
    }
    this.#setStatus('rejoining');
    this.#out.emit('problem', end.problem);
    if (this.#moving) return;
    this.#rejoin(end).catch((error: unknown) => this.#finish(toProblem(error, 'connection_lost')));
  }

  async #rejoin(end: Extract<SessionEnd, { kind: 'rejoin' }>): Promise<void> {
    const started = performance.now();
    this.#rejoins = [...this.#rejoins.filter((at) => started - at < 60_000), started];
    if (this.#rejoins.length > REJOINS_PER_MINUTE) throw new ClientError(end.problem);
    let { redirect } = end;
    for (let n = 0; ; n += 1) {
      try {
        await this.#enterAnywhere(redirect);
        return;
      } catch (error) {
        redirect = undefined;
        const left = (this.#options.rejoinSeconds ?? REJOIN_SECONDS) * 1000 - (performance.now() - started);
        const mayPass = error instanceof ClientError && error.problem.retry;
        if (!mayPass || left <= 0 || this.#abort.signal.aborted) throw error;
        this.#out.emit('problem', error.problem);
        await delay(Math.min(backOff(n, FIRST_PAUSE, LONGEST_PAUSE), left), this.#abort.signal);
      }
    }
  }

  /**
   * The room cannot stay where this seat is, or its node goes: takes another first, and leaves this one then. Where none can be had
   * the node ends the seat in a while, and the way back is that of every other end.
   */
  async #move({ redirect }: EventData<'move'>): Promise<void> {
    if (this.#moving || this.#abort.signal.aborted) return;
    this.#moving = true;
    const from = this.#seat;
    try {
      // Strictly: a list that the cloud has not signed is no reason to leave.
      await this.#wayIn.confirm(redirect.list.signature);
      await this.#wayIn.enterOnce((connection) => this.#enter(connection), {
        redirect: redirect.list.signature,
        last: this.#last,
      });
      const { code, message, retry } = redirect;
      if (this.#seat !== null)
        this.#out.emit('moved', { from, to: this.#seat, why: { code, message, retry } });
    } catch (error) {
      if (!this.#abort.signal.aborted) this.#out.emit('problem', toProblem(error, 'no_node_reached'));
    } finally {
      this.#moving = false;
    }
    // The seat before went away on its own while no other was found.
    if (this.#session !== null || this.#abort.signal.aborted) return;
    const end = { kind: 'rejoin', problem: problemOfCatalogue(redirect.code) } as const;
    this.#rejoin(end).catch((error: unknown) => this.#finish(toProblem(error, 'connection_lost')));
  }

  #listen(socket: Signaling): void {
    const { events } = socket;
    followRoom(
      events,
      () => this.#room,
      (state) => this.#setRoom(state),
    );
    this.media.listen(events);
    relayNotifications(events, this.#out);
    events.on('tokenExpiring', () => void this.#refresh.begin());
    events.on('move', (move) => void this.#move(move));
  }

  #wireMedia(): void {
    relayMedia(this.media, this.#out);
    // Media that stopped is often the first sign that the socket is dead too.
    this.media.on('interrupted', () => this.#session?.check(3));
    this.media.on('failed', (problem) => {
      const session = this.#session;
      if (session === null || this.#status === 'closed') return;
      this.#onEnded(session, { kind: 'rejoin', problem });
      session.close();
    });
  }

  #setRoom(state: RoomState): void {
    this.#room = state;
    this.#out.emit('room', state);
  }

  #setStatus(status: ClientStatus): void {
    if (this.#status === status || this.#status === 'closed') return;
    this.#status = status;
    this.#out.emit('status', status);
  }

  /** The end, once. */
  #finish(problem: Problem | null): void {
    if (this.#status === 'closed') return;
    this.#abort.abort();
    this.#session?.close();
    this.#session = null;
    this.#seat = null;
    this.media.close();
    this.#setStatus('closed');
    this.#out.emit('seat', null);
    this.#out.emit('closed', problem);
  }
}
