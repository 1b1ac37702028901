import { WatershedError } from '../../protocol/errors.ts';
import { MARK, type Script } from './scripts.ts';

/**
 * Whose the Redis is. One that is marked for another cloud is never used: nothing is read from it, and nothing but
 * the mark of one that is nobody's is written to it.
 */
export class CloudMark {
  readonly #cloud: string;
  readonly #ask: (script: Script) => Promise<string>;
  readonly #onFresh: () => void;
  /** What is being asked, or was answered, since the last reason to doubt it. */
  #marked: Promise<string> | null = null;

  /** `ask` marks what is nobody's, and answers whose it is; `onFresh` is told of a Redis that was nobody's. */
  constructor(cloud: string, ask: (script: Script) => Promise<string>, onFresh: () => void) {
    this.#cloud = cloud;
    this.#ask = ask;
    this.#onFresh = onFresh;
  }

  /** Has the next question ask anew: after a lost connection, and from time to time. */
  forget(): void {
    this.#marked = null;
  }

  /** Rejects with `registry_unavailable` and the reason, or as `ask` does. */
  async assertOurs(): Promise<void> {
    const asked = this.#marked ?? this.#mark();
    this.#marked = asked;
    let marked: string;
    try {
      marked = await asked;
    } catch (error) {
      if (this.#marked === asked) this.#marked = null;
      throw error;
    }
    if (marked === this.#cloud) return;
    throw new WatershedError(
      'registry_unavailable',
      `the Redis is marked for the cloud ${JSON.stringify(marked.slice(0, 64))}, and this node is of ${this.#cloud}`,
    );
  }

  async #mark(): Promise<string> {
    const marked = await this.#ask(MARK);
    if (!marked.startsWith('+')) return marked;
    this.#onFresh();
    return marked.slice(1);
  }
}
