import type { DirectoryEntry, DirectoryList } from '../protocol/directory.ts';
import { type EventData, redirectSchema } from '../protocol/events.ts';
import { refusalError } from './directory.ts';
import type { ClientEnvironment } from './environment.ts';
import { ClientError, clientError, type Problem, problemOf, problemOfCatalogue } from './problem.ts';
import { Signaling, type SocketEnd } from './signaling.ts';

/** One try at one datacenter, for the log and for people. */
export interface Attempt {
  /** 1, 2, … within one walk down the list. */
  readonly n: number;
  readonly datacenter: string;
  readonly region: string;
  readonly url: string;
  readonly outcome: 'admitted' | 'redirected' | 'refused' | 'timeout' | 'unreachable';
  /** Code of the refusal or redirect; null where there was none. */
  readonly code: string | null;
  readonly milliseconds: number;
}

/** An admitted connection, before `join` or `resume`. */
export interface Connection {
  readonly signaling: Signaling;
  /** With the node's own word for where it is, where no list said so. */
  readonly entry: DirectoryEntry;
  readonly welcome: EventData<'welcome'>;
}

/** What came of joining over a connection. */
export type Entrance<T> =
  | { readonly kind: 'entered'; readonly value: T }
  | { readonly kind: 'redirect'; readonly code: string; readonly signature: string }
  | { readonly kind: 'refused'; readonly problem: Problem };

export interface ConnectorOptions<T> {
  readonly environment: Pick<ClientEnvironment, 'openSocket'>;
  /** Milliseconds from opening the socket to `welcome`. Default 4000. */
  readonly attemptTimeout?: number;
  /** Attempts of one walk, redirects included. Default 12. */
  readonly maxAttempts?: number;
  /** Verifies the list of a redirect (Directory.verify). */
  readonly verify: (signature: string) => Promise<DirectoryList>;
  /** Joins. Whoever does not enter has closed the connection. Throws a ClientError that ends the walk. */
  readonly enter: (connection: Connection) => Promise<Entrance<T>>;
  readonly onAttempt?: (attempt: Attempt) => void;
  readonly signal?: AbortSignal;
  /** URL of the node to try after all others that are listed. */
  readonly last?: string | undefined;
}

export const ATTEMPT_TIMEOUT = 4000;
const MAX_ATTEMPTS = 12;
/** Closing with 1000 tells the node that this socket is not coming back. */
const LEAVE = 1000;

type Answer =
  | { readonly kind: 'welcome'; readonly welcome: EventData<'welcome'> }
  | Exclude<Entrance<never>, { kind: 'entered' }>
  | { readonly kind: 'timeout' | 'unreachable' };

/** Refusals that are the room's: it is the same room everywhere, so no other datacenter is asked. */
const OF_THE_ROOM: ReadonlySet<string> = new Set([
  'room_full',
  'room_locked',
  'too_many_sessions',
  'waiting_timeout',
]);

/** A list of one node that no directory named; where it is, it says itself. */
export function listOfOne(url: string): Pick<DirectoryList, 'primaries' | 'secondaries'> {
  return { primaries: [{ datacenter: '', region: '', url }], secondaries: [] };
}

/**
 * Walks down a verified list: every primary in turn, then the secondaries, each with a timeout. A redirect
 * replaces what is left of the list by its own, when the cloud has signed that one too. No URL is tried twice
 * in a walk, and the number of attempts is bounded, so redirects cannot lead in a circle.
 *
 * Throws a ClientError: the first refusal that trying elsewhere cannot cure, or the last problem met.
 */
export async function walk<T>(
  list: Pick<DirectoryList, 'primaries' | 'secondaries'>,
  token: string,
  options: ConnectorOptions<T>,
): Promise<T> {
  const tried = new Set<string>();
  const inOrder = ({ primaries, secondaries }: typeof list): DirectoryEntry[] => {
    const entries = [...primaries, ...secondaries].filter(({ url }) => !tried.has(url));
    const isLast = ({ url }: DirectoryEntry): boolean => url === options.last;
    return [...entries.filter((entry) => !isLast(entry)), ...entries.filter(isLast)];
  };
  let queue = inOrder(list);
  let last = clientError('no_node_reached', 'the list is empty');
  for (let n = 1; n <= (options.maxAttempts ?? MAX_ATTEMPTS); n += 1) {
    const entry = queue.shift();
    if (entry === undefined) break;
    if (options.signal?.aborted) throw clientError('closed');
    tried.add(entry.url);
    const started = performance.now();
    const report = (outcome: Attempt['outcome'], code: string | null): void => {
      const milliseconds = Math.round(performance.now() - started);
      options.onAttempt?.({ n, ...entry, outcome, code, milliseconds });
    };
    const answer = await attempt(entry, token, options);
    if (options.signal?.aborted) throw clientError('closed');
    switch (answer.kind) {
      case 'entered':
        report('admitted', null);
        return answer.value;
      case 'redirect':
        report('redirected', answer.code);
        try {
          const fresh = await options.verify(answer.signature);
          queue = inOrder(fresh);
          last = new ClientError(problemOfCatalogue(answer.code));
        } catch (error) {
          // An unsigned redirect is no reason to go anywhere; the list that was verified still stands.
          if (!(error instanceof ClientError)) throw error;
          last = error;
        }
        continue;
      case 'refused':
        report('refused', answer.problem.code);
        last = new ClientError(answer.problem);
        if (answer.problem.code === 'node_mismatch') continue;
        if (!answer.problem.retry || OF_THE_ROOM.has(answer.problem.code)) throw last;
        continue;
      case 'timeout':
      case 'unreachable':
        report(answer.kind, null);
        last = clientError('no_node_reached', `${entry.datacenter}: ${answer.kind}`);
        continue;
    }
  }
  throw last;
}

async function attempt<T>(
  entry: DirectoryEntry,
  token: string,
  options: ConnectorOptions<T>,
): Promise<Exclude<Answer, { kind: 'welcome' }> | Entrance<T>> {
  const signaling = new Signaling(options.environment, entry.url, token);
  const answer = await firstAnswer(signaling, options);
  if (answer.kind !== 'welcome') return answer;
  const { datacenter, region } = answer.welcome.node;
  // The signed list decides where we are; a node that says otherwise is not the one we were sent to.
  const [said, listed] = [`${datacenter} (${region})`, `${entry.datacenter} (${entry.region})`];
  if (entry.datacenter !== '' && said !== listed) {
    signaling.close(LEAVE);
    return { kind: 'refused', problem: problemOf('node_mismatch', `${said}, not ${listed}`) };
  }
  const { welcome } = answer;
  return options.enter({ signaling, entry: { ...entry, datacenter, region }, welcome });
}

/** Waits for the node's first word. Unless it is `welcome`, the socket is closed when this resolves. */
export function firstAnswer(
  signaling: Signaling,
  options: Pick<ConnectorOptions<unknown>, 'attemptTimeout' | 'signal'>,
): Promise<Answer> {
  return new Promise((resolve) => {
    const finish = (answer: Answer): void => {
      clearTimeout(timer);
      options.signal?.removeEventListener('abort', onAbort);
      for (const off of offs) off();
      if (answer.kind !== 'welcome') signaling.close(LEAVE);
      resolve(answer);
    };
    const onAbort = (): void => finish({ kind: 'unreachable' });
    const timer = setTimeout(() => finish({ kind: 'timeout' }), options.attemptTimeout ?? ATTEMPT_TIMEOUT);
    options.signal?.addEventListener('abort', onAbort);
    const offs = [
      signaling.events.on('welcome', (welcome) => finish({ kind: 'welcome', welcome })),
      signaling.events.on('refused', ({ code, message, retry, rule, policy }) =>
        finish({ kind: 'refused', problem: { code, message, retry, rule, policy } }),
      ),
      signaling.events.on('redirect', ({ code, list }) =>
        finish({ kind: 'redirect', code, signature: list.signature }),
      ),
      signaling.on('end', (end) => finish(answerOfEnd(end))),
    ];
  });
}

function answerOfEnd(end: SocketEnd): Answer {
  if (end.status === undefined) return { kind: 'unreachable' };
  const redirect = redirectSchema.safeParse(end.body);
  if (redirect.success) {
    return { kind: 'redirect', code: redirect.data.code, signature: redirect.data.list.signature };
  }
  return { kind: 'refused', problem: refusalError(end.status, end.body).problem };
}
