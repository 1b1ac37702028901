import type { Media } from './media.ts';

/** Milliseconds without a sign from the media before the node is suspected to be gone. */
const SILENCE = 2500;

/**
 * Tells a node that died from a socket that was cut. Without a socket two things still speak: the media, which
 * goes on while the node lives, and the directory, any answer of which shows that our own network works.
 */
export class Liveness {
  readonly #media: Pick<Media, 'alive'>;
  readonly #isListed: () => Promise<boolean | undefined>;
  #heardAt = 0;

  constructor(media: Pick<Media, 'alive'>, isListed: () => Promise<boolean | undefined>) {
    this.#media = media;
    this.#isListed = isListed;
  }

  /** The socket was lost now. */
  begin(): void {
    this.#heardAt = performance.now();
    // What came until now says nothing of later.
    void this.#media.alive();
  }

  /**
   * True when its media is silent and a front door answers, listing it still or not: the network works by now.
   * Whether it did all the while, or was cut for both until a moment ago, is for one more try to find out.
   */
  async isSuspected(): Promise<boolean> {
    if (await this.#media.alive()) this.#heardAt = performance.now();
    if (performance.now() - this.#heardAt < SILENCE) return false;
    return (await this.#isListed()) !== undefined;
  }
}
