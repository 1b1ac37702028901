import { ownClaims } from './directory.ts';

/** A token that expires within this many seconds is not worth starting with. */
const MARGIN_SECONDS = 5;

/** The participant's join token, renewed by the application's hook when it runs out. */
export class JoinToken {
  readonly #refresh: (() => Promise<string>) | undefined;
  #token: string;
  /** The one that the session is held to by its node. */
  #seen: string | null = null;

  constructor(token: string, refresh: (() => Promise<string>) | undefined) {
    this.#token = token;
    this.#refresh = refresh;
  }

  /** A token that is still good, as far as its own `exp` and the hook allow. */
  async current(): Promise<string> {
    const { exp } = ownClaims(this.#token);
    if (exp !== undefined && exp - MARGIN_SECONDS <= Date.now() / 1000) await this.renew();
    return this.#token;
  }

  /** The token of now, where the node has not been shown it yet. */
  async unseen(): Promise<string | undefined> {
    const token = await this.current();
    return token === this.#seen ? undefined : token;
  }

  /** The node has taken this token. */
  seen(token: string): void {
    this.#seen = token;
  }

  /** Asks the application for another; false where it has none to give. */
  async renew(): Promise<boolean> {
    if (this.#refresh === undefined) return false;
    try {
      this.#token = await this.#refresh();
      return true;
    } catch {
      // The issuer cannot be reached: the old token decides, and the node says so.
      return false;
    }
  }
}
