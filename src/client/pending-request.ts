import { METHODS, type MethodName, type RequestOf, type ResponseOf } from '../protocol/methods.ts';
import { ClientError, clientError } from './problem.ts';

/** A schema seen from outside; the table keeps each method's type, which an index into METHODS loses. */
interface Parser<T> {
  safeParse(data: unknown): { success: true; data: T } | { success: false };
}
const parsers: { readonly [M in MethodName]: { readonly response: Parser<ResponseOf<M>> } } = METHODS;

/** What a request came to. */
export type RequestOutcome =
  | { readonly ok: true; readonly data: unknown }
  | { readonly ok: false; readonly error: ClientError };

/** A request that waits for its response, on one socket or, repeated by its id, on the next. */
export interface PendingRequest {
  readonly id: number;
  readonly method: MethodName;
  readonly frame: string;
  /** Starts the deadline (anew); `onDeadline` is called before the request rejects. */
  arm(onDeadline: () => void): void;
  /** Stops the deadline: there is no socket that the request could be answered on. */
  disarm(): void;
  /** Once; a second time does nothing. */
  settle(outcome: RequestOutcome): void;
}

/** What a socket took with it, in its order. */
export interface Unanswered {
  readonly requests: readonly PendingRequest[];
  /** The ids before this one are used up in the session. */
  readonly nextId: number;
}

/** Makes a request and the promise of its response, which rejects with a ClientError. */
export function pendingRequest<M extends MethodName>(
  id: number,
  method: M,
  data: RequestOf<M>,
  options: { readonly seconds: number; readonly onResponse: (data: ResponseOf<M>) => void },
): { readonly pending: PendingRequest; readonly response: Promise<ResponseOf<M>> } {
  let timer: ReturnType<typeof setTimeout> | undefined;
  let settle: PendingRequest['settle'] = () => undefined;
  const response = new Promise<ResponseOf<M>>((resolve, reject) => {
    settle = (outcome) => {
      clearTimeout(timer);
      if (!outcome.ok) {
        reject(outcome.error);
        return;
      }
      const parsed = parsers[method].response.safeParse(outcome.data);
      if (!parsed.success) {
        reject(clientError('protocol_broken', `the response of ${method}`));
        return;
      }
      options.onResponse(parsed.data);
      resolve(parsed.data);
    };
  });
  const pending: PendingRequest = {
    id,
    method,
    frame: JSON.stringify({ type: 'request', id, method, data }),
    arm(onDeadline) {
      clearTimeout(timer);
      timer = setTimeout(() => {
        onDeadline();
        const message = `No answer to ${method} in time.`;
        settle({ ok: false, error: new ClientError({ code: 'deadline', message, retry: true }) });
      }, options.seconds * 1000);
    },
    disarm: () => clearTimeout(timer),
    settle: (outcome) => settle(outcome),
  };
  return { pending, response };
}

/** Methods that belong to one socket, or change nothing: they fail with it. */
const OF_THE_SOCKET: ReadonlySet<MethodName> = new Set(['join', 'resume', 'leave', 'ping', 'getStats']);

/** Whether a request is repeated, by its id, on the socket that a session is resumed on. */
export function isRepeated({ method }: PendingRequest): boolean {
  return !OF_THE_SOCKET.has(method);
}
