import { ownClaims } from './directory.ts';
import { within } from './timers.ts';

/** A token that expires within this many seconds is not worth starting with. */
const MARGIN_SECONDS = 5;
/** Milliseconds after which the application's hook counts as failed; a resume has less, since its window runs. */
const PATIENCE = 30_000;
const PATIENCE_TO_RESUME = 5000;

/** The participant's join token, renewed by the application's hook when it runs out. */
export class JoinToken {
  readonly #refresh: (() => Promise<string>) | undefined;
  #token: string;
  /** The one that the session is held to by its node. */
  #seen: string | null = null;
  #renewing: Promise<boolean> | null = null;

  constructor(token: string, refresh: (() => Promise<string>) | undefined) {
    this.#token = token;
    this.#refresh = refresh;
  }

  /** Whether the application can give another. */
  get renewable(): boolean {
    return this.#refresh !== undefined;
  }

  /** The token of now, expired or not. */
  get latest(): string {
    return this.#token;
  }

  /** A token that is still good, as far as its own `exp` and the hook allow. */
  async current(patience = PATIENCE): Promise<string> {
    const { exp } = ownClaims(this.#token);
    if (exp !== undefined && exp - MARGIN_SECONDS <= Date.now() / 1000) await this.renew(patience);
    return this.#token;
  }

  /** The token of now, where the node has not been shown it yet: for a resume. */
  async unseen(): Promise<string | undefined> {
    const token = await this.current(PATIENCE_TO_RESUME);
    return token === this.#seen ? undefined : token;
  }

  /** The node has taken this token. */
  seen(token: string): void {
    this.#seen = token;
  }

  /**
   * Asks the application for another; false where it has none to give, or not within `patience` ms: one that comes
   * later is used from then on.
   */
  async renew(patience = PATIENCE): Promise<boolean> {
    if (this.#refresh === undefined) return false;
    this.#renewing ??= this.#ask(this.#refresh).finally(() => {
      this.#renewing = null;
    });
    return (await within(this.#renewing, patience)) ?? false;
  }

  /** Never rejects. */
  async #ask(refresh: () => Promise<string>): Promise<boolean> {
    try {
      this.#token = await refresh();
      return true;
    } catch {
      // The issuer cannot be reached: the old token decides, and the node says so.
      return false;
    }
  }
}
