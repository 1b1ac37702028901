import type { WebSocket } from 'ws';
import type { Admission, AdmittedSession } from '../cluster/types.ts';
import { CLOSE, type CloseCode, type ErrorCode, WatershedError } from '../protocol/errors.ts';
import type { RequestFrame } from '../protocol/frames.ts';
import { isMethodName, METHODS, type MethodName, type RequestOf } from '../protocol/methods.ts';
import { refusalOf } from '../rooms/ending.ts';
import { type Notification, notification, notificationFrame } from '../rooms/notification.ts';
import type { RoomManager } from '../rooms/room-manager.ts';
import { Connection, type ConnectionDeps, type ConnectionOwner, type Reply } from './connection.ts';
import { costOf } from './costs.ts';
import { errorOf, takeFreshToken } from './fresh-token.ts';
import { HANDLERS } from './handlers.ts';
import type { ConnectionEnd } from './metrics.ts';
import type { ResumeTokens } from './resume-tokens.ts';
import { lastWordOf, type Resumption, Session, type SessionDeps } from './session.ts';

export interface ConversationDeps extends ConnectionDeps {
  readonly rooms: RoomManager;
  readonly admission: Pick<Admission, 'decideAgain'>;
  readonly tokens: ResumeTokens<Session>;
  readonly session: SessionDeps;
  readonly policyDigest: () => string;
  /** The first message on every connection. */
  readonly welcome: () => Notification;
}

/** What a connection was opened with. */
export type Entry =
  | { readonly kind: 'join'; readonly admitted: AdmittedSession }
  | { readonly kind: 'resume'; readonly token: string };

/** A schema seen from outside; the table keeps each method's type, which an index into METHODS loses. */
interface Parser<T> {
  safeParse(data: unknown): { success: true; data: T } | { success: false; error: ParseError };
}
interface ParseError {
  readonly issues: readonly { readonly path: readonly PropertyKey[]; readonly message: string }[];
}
const PARSERS: { readonly [M in MethodName]: { readonly request: Parser<RequestOf<M>> } } = METHODS;

/** Methods that change nothing (their answers may be large), and the one whose answer was good once. */
const REPEATED_AT_WILL: ReadonlySet<MethodName> = new Set<MethodName>(['ping', 'getStats', 'resume']);

/** Longest text of a fault that is told; part of it may be the client's own. */
const FAULT_LENGTH = 200;

/** The first fault of a request's data, with its path: `data.rtpCapabilities.codecs[0].kind: …`. */
function faultOf(error: ParseError): string {
  const issue = error.issues[0];
  const path = (issue?.path ?? [])
    .map((part) => (typeof part === 'number' ? `[${part}]` : `.${String(part)}`))
    .join('');
  return `data${path}: ${issue?.message ?? 'does not fit'}`.slice(0, FAULT_LENGTH);
}

/** What is said over one connection: which session it belongs to, and who answers each request. */
export class Conversation implements ConnectionOwner {
  readonly deps: ConversationDeps;
  readonly connection: Connection;
  readonly #entry: Entry;
  #session: Session | null = null;

  constructor(socket: WebSocket, entry: Entry, deps: ConversationDeps, onGone: () => void) {
    this.deps = deps;
    this.#entry = entry;
    this.connection = new Connection(socket, deps, this, onGone);
    if (entry.kind === 'join') {
      this.#session = new Session(entry.admitted, deps.session);
      this.#session.connect(this.connection);
    }
  }

  /** The session of this connection; `not_joined` before a resume. */
  get session(): Session {
    if (this.#session === null) throw new WatershedError('not_joined', 'resume first');
    return this.#session;
  }

  /** The session that is to join; `already_joined`. */
  newSession(): Session {
    if (this.#entry.kind === 'resume') {
      throw new WatershedError('bad_request', 'this connection was opened with a resume token: resume');
    }
    if (this.session.place !== null) throw new WatershedError('already_joined');
    return this.session;
  }

  /**
   * Takes a session up with the resume token that this connection was opened with. A session whose join token has
   * run out comes back only with a fresh one: `token_expired` without, and what `refreshToken` fails with; both may
   * be tried again on this connection.
   */
  async resume(lastSeq: number, token: string | undefined): Promise<Resumption> {
    if (this.#entry.kind === 'join') {
      throw new WatershedError('bad_request', 'this connection was opened with a join token: join');
    }
    if (this.#session !== null) throw new WatershedError('already_joined');
    const resumeToken = this.#entry.token;
    const session = this.deps.tokens.find(resumeToken);
    if (session?.open !== true) throw this.#tooLate();
    const { resumptions } = session;
    if (token !== undefined) await this.#renew(session, token);
    else if (session.expired) throw new WatershedError('token_expired');
    // While the fresh token was judged, the session may have ended or gone to another connection.
    if (this.deps.tokens.find(resumeToken) !== session || session.resumptions !== resumptions)
      throw this.#tooLate();
    if (!this.connection.open) throw new WatershedError('not_joined', 'the connection is gone');
    this.#session = session;
    const resumption = session.resume(this.connection, lastSeq, resumeToken);
    this.deps.metrics.resumed(resumption.mode);
    return resumption;
  }

  #tooLate(): WatershedError {
    this.refuse('resume_invalid', CLOSE.unauthenticated);
    this.deps.metrics.resumed('refused');
    return new WatershedError('resume_invalid');
  }

  async #renew(session: Session, token: string): Promise<void> {
    const fresh = await takeFreshToken(session, token, this.deps.admission);
    switch (fresh.kind) {
      case 'taken':
        return;
      case 'rejected':
        throw fresh.error;
      case 'over': {
        // The session had no connection to be told by, or another one: this client is told here.
        const { lastWord, close, end } = lastWordOf(fresh.ending);
        this.connection.end(lastWord && notificationFrame(lastWord, 0), close, end);
        this.deps.metrics.resumed('refused');
        throw errorOf(fresh.ending);
      }
    }
  }

  welcome(): void {
    this.connection.send(notificationFrame(this.deps.welcome(), 0));
  }

  /** Says `refused` and closes. */
  refuse(code: ErrorCode, close: CloseCode): void {
    const refused = notification('refused', refusalOf(code, this.deps.policyDigest()));
    this.connection.end(notificationFrame(refused, 0), close, code);
  }

  async handle(request: RequestFrame): Promise<Reply> {
    const { method } = request;
    this.#session?.heard(this.connection);
    if (!isMethodName(method)) throw new WatershedError('unknown_method');
    // Before it is kept or compared: what no schema has bounded may be nested too deep to be written as text.
    const { data, cost, answer } = this.#understood(method, request.data);
    this.connection.charge(cost);
    // Only those who are in the room can be resumed, and ask again.
    const session = this.#session?.place?.peer.seated === true ? this.#session : null;
    if (session === null || REPEATED_AT_WILL.has(method)) return answer();
    return session.answers.once({ ...request, data }, answer);
  }

  /**
   * What a request's data says, what it costs beyond being one, and what answers it; `bad_request` where it does not
   * fit its schema.
   */
  #understood<M extends MethodName>(
    method: M,
    data: unknown,
  ): { readonly data: RequestOf<M>; readonly cost: number; answer(): Promise<Reply> } {
    const parsed = PARSERS[method].request.safeParse(data);
    if (!parsed.success) throw new WatershedError('bad_request', faultOf(parsed.error));
    return {
      data: parsed.data,
      cost: costOf(method, parsed.data, Math.max(0, (this.#session?.place?.room.size ?? 0) - 1)),
      answer: async () => HANDLERS[method](this, parsed.data),
    };
  }

  ended(end: ConnectionEnd): void {
    this.#session?.connectionEnded(this.connection, end);
  }
}
