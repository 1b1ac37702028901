import type { JoinToken } from './join-token.ts';
import { type Problem, toProblem } from './problem.ts';
import { backOff, delay } from './timers.ts';

/** Milliseconds from the node's warning, a minute before `exp`, to the end of the session, half a minute after it. */
const LEFT = 90_000;
const FIRST_PAUSE = 1000;
const LONGEST_PAUSE = 15_000;

export interface TokenRefreshDeps {
  /** Hands a token to the node; rejects with a ClientError. */
  readonly hand: (token: string) => Promise<void>;
  readonly onProblem: (problem: Problem) => void;
  readonly signal: AbortSignal;
}

/** Gives the node a fresh join token in a long call. What fails is tried again while there is time. */
export class TokenRefresh {
  readonly #token: JoinToken;
  readonly #deps: TokenRefreshDeps;
  #running = false;

  constructor(token: JoinToken, deps: TokenRefreshDeps) {
    this.#token = token;
    this.#deps = deps;
  }

  /** The node has warned. Resolves when it has a fresh token or cannot be given one; never rejects. */
  async begin(): Promise<void> {
    if (this.#running || !this.#token.renewable) return;
    this.#running = true;
    const { signal } = this.#deps;
    const endsAt = performance.now() + LEFT;
    for (let n = 0; !signal.aborted; n += 1) {
      if (await this.#refresh()) break;
      const left = endsAt - performance.now();
      if (left <= 0) break;
      await delay(Math.min(backOff(n, FIRST_PAUSE, LONGEST_PAUSE), left), signal);
    }
    this.#running = false;
  }

  /** Whether there is nothing left to try. */
  async #refresh(): Promise<boolean> {
    try {
      if (!(await this.#token.renew())) return false;
      const token = await this.#token.current();
      await this.#deps.hand(token);
      this.#token.seen(token);
      return true;
    } catch (error) {
      if (this.#deps.signal.aborted) return true;
      const problem = toProblem(error, 'not_connected');
      this.#deps.onProblem(problem);
      return !problem.retry;
    }
  }
}
