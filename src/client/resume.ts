import type { ResponseOf } from '../protocol/methods.ts';
import { firstAnswer } from './connector.ts';
import type { ClientEnvironment } from './environment.ts';
import { ClientError, type Problem, problemOf } from './problem.ts';
import type { SessionEnd } from './session-end.ts';
import { Signaling } from './signaling.ts';
import { backOff, delay } from './timers.ts';

export interface ResumeOptions {
  readonly environment: Pick<ClientEnvironment, 'openSocket'>;
  readonly url: string;
  readonly resumeToken: string;
  readonly lastSeq: number;
  /** Requests go on being counted across the sockets of a session. */
  readonly nextId: number;
  /** Seconds after the loss within which the node keeps the session. */
  readonly windowSeconds: number;
  readonly attemptTimeout: number;
  /** A join token that the node has not seen yet, if there is one. */
  readonly freshToken: () => Promise<string | undefined>;
  readonly onTokenSeen: (token: string) => void;
  /** Called with each new socket before anything is said on it, to listen to its notifications. */
  readonly onSocket: (signaling: Signaling) => void;
  /** Called with the response in its own turn, before the notifications that follow it. */
  readonly onResponse: (response: ResponseOf<'resume'>) => void;
  /** Whether the node said on the newest socket why the session ends. */
  readonly toldWhy: () => boolean;
  readonly onTry?: (n: number, failure: Problem | null) => void;
  /**
   * Asked after each failed try, the first apart where it was refused at once: true when the network works and the
   * node is not heard. One more try then says whether it was the network after all, and has just come back.
   */
  readonly giveUp: (failedTries: number) => Promise<boolean>;
  readonly signal: AbortSignal;
}

/** Why there is no session any more, and what is known of where to go. */
export type Gone = { readonly gone: Problem } & Omit<
  Extract<SessionEnd, { kind: 'rejoin' }>,
  'kind' | 'problem'
>;

/** First and longest pause between two tries, in ms. */
const FIRST_PAUSE = 250;
const LONGEST_PAUSE = 3000;
/** Milliseconds for a node's last try, over a network that has just shown that it works. */
const LAST_TRY = 1500;
/** What a request without an answer fails with. */
const UNANSWERED: ReadonlySet<string> = new Set(['connection_lost', 'deadline']);

/**
 * Comes back to the same session at the same node. Resolves with the socket to go on with, or with why there is
 * none: then the session is gone for this client, and it joins again from the directory.
 */
export async function resumeSession(
  options: ResumeOptions,
): Promise<{ readonly signaling: Signaling } | Gone> {
  const lostAt = performance.now();
  const left = (): number => options.windowSeconds * 1000 - (performance.now() - lostAt);
  let nextIsLast = false;
  for (let n = 0; left() > 0 && !options.signal.aborted; n += 1) {
    const isLast = nextIsLast;
    nextIsLast = false;
    // Before the socket: the node waits for the first message, and not for an issuer.
    const token = await options.freshToken();
    const signaling = new Signaling(options.environment, options.url, options.resumeToken, options);
    options.onSocket(signaling);
    const answer = await firstAnswer(signaling, {
      attemptTimeout: Math.min(isLast ? LAST_TRY : options.attemptTimeout, Math.max(left(), 1)),
      signal: options.signal,
    });
    switch (answer.kind) {
      case 'welcome': {
        try {
          const data = { lastSeq: options.lastSeq, ...(token === undefined ? {} : { token }) };
          await signaling.request('resume', data, { onResponse: options.onResponse });
          if (token !== undefined) options.onTokenSeen(token);
          options.onTry?.(n, null);
          return { signaling };
        } catch (error) {
          signaling.close(4408);
          if (!(error instanceof ClientError)) throw error;
          options.onTry?.(n, error.problem);
          // An answer that was lost with its socket spent nothing: the token is good until the node hears from us.
          if (!UNANSWERED.has(error.problem.code) || options.toldWhy()) return { gone: error.problem };
          break;
        }
      }
      case 'redirect':
        return { gone: problemOf('connection_lost', answer.code), redirect: answer.signature };
      case 'refused':
        options.onTry?.(n, answer.problem);
        if (!answer.problem.retry) return { gone: answer.problem };
        break;
      case 'timeout':
      case 'unreachable':
        options.onTry?.(n, problemOf('connection_lost', answer.kind));
        if (isLast) return { gone: problemOf('connection_lost', 'the node is gone'), unheard: true };
        nextIsLast = (n >= 1 || answer.kind === 'timeout') && (await options.giveUp(n + 1));
        if (nextIsLast) continue;
        break;
    }
    await delay(Math.min(backOff(n, FIRST_PAUSE, LONGEST_PAUSE), Math.max(left(), 0)), options.signal);
  }
  return { gone: problemOf('connection_lost', 'the resume window has passed') };
}
