import { ERRORS, isErrorCode } from '../protocol/errors.ts';

/**
 * What can go wrong on the client's own side, beside the codes of the protocol's catalogue. `retry` means the
 * same as there: the same attempt may succeed later with nobody changing anything.
 */
const CLIENT_PROBLEMS = {
  directory_unreachable: {
    retry: true,
    message: 'No front door answered. Check the network, or try again shortly.',
  },
  directory_untrusted: {
    retry: false,
    message:
      'The datacenter list is not signed by this cloud, or is not for this room, or has expired. If the clock of this device is right, tell the operator.',
  },
  no_node_reached: {
    retry: true,
    message: 'No datacenter of the list could be joined. Try again shortly.',
  },
  node_mismatch: {
    retry: false,
    message: 'The node says it is in another datacenter than the signed list does. Tell the operator.',
  },
  token_unreadable: { retry: false, message: 'The join token is not a JWT. Ask its issuer for a new one.' },
  connection_lost: { retry: true, message: 'The connection was lost. It is being restored.' },
  not_connected: { retry: true, message: 'There is no session at the moment.' },
  closed: { retry: false, message: 'The client was closed.' },
  protocol_broken: { retry: true, message: 'The node sent something that watershed.v1 does not allow.' },
  device_unsupported: { retry: false, message: 'This browser cannot send or receive WebRTC media.' },
  media_failed: { retry: true, message: 'The media connection could not be set up.' },
  already_published: { retry: false, message: 'This source is published already.' },
  not_published: { retry: false, message: 'This source is not published.' },
} as const satisfies Record<string, { retry: boolean; message: string }>;

export type ClientProblemCode = keyof typeof CLIENT_PROBLEMS;

/** A failure as a value. `code` is of the protocol's catalogue, of `CLIENT_PROBLEMS`, or of a newer server's. */
export interface Problem {
  readonly code: string;
  readonly message: string;
  readonly retry: boolean;
  /** The policy rule that decided, where one did. */
  readonly rule?: string;
  /** Digest of the policy that decided, where one did. */
  readonly policy?: string;
}

/** The result of everything an application asks of the client: it never rejects. */
export type Outcome<T> =
  | { readonly ok: true; readonly value: T }
  | { readonly ok: false; readonly problem: Problem };

/** A problem on its way to whoever turns it into a value; it does not leave the library. */
export class ClientError extends Error {
  readonly problem: Problem;

  constructor(problem: Problem, options?: ErrorOptions) {
    super(problem.message, options);
    this.name = 'ClientError';
    this.problem = problem;
  }
}

export function problemOf(code: ClientProblemCode, detail?: string): Problem {
  const { message, retry } = CLIENT_PROBLEMS[code];
  return { code, message: detail === undefined ? message : `${message} (${detail})`, retry };
}

/** The catalogue's entry of a close code or refusal that came without words. */
export function problemOfCatalogue(code: string): Problem {
  if (isErrorCode(code)) return { code, message: ERRORS[code].message, retry: ERRORS[code].retry };
  return { code, message: `The node ended the session (${code}).`, retry: false };
}

export function clientError(code: ClientProblemCode, detail?: string): ClientError {
  return new ClientError(problemOf(code, detail));
}

export function succeed<T>(value: T): Outcome<T> {
  return { ok: true, value };
}

export function fail(problem: Problem): { readonly ok: false; readonly problem: Problem } {
  return { ok: false, problem };
}

/** Any thrown thing as a problem; what is not a ClientError gets `fallback`'s code and its own message. */
export function toProblem(error: unknown, fallback: ClientProblemCode): Problem {
  if (error instanceof ClientError) return error.problem;
  return problemOf(fallback, error instanceof Error ? error.message : String(error));
}

/** Runs a step and turns what it throws into a value. */
export async function outcomeOf<T>(step: () => Promise<T>, fallback: ClientProblemCode): Promise<Outcome<T>> {
  try {
    return succeed(await step());
  } catch (error) {
    return fail(toProblem(error, fallback));
  }
}
