import type { Media } from './media.ts';

/** Milliseconds without a sign from the media before the node is suspected to be gone. */
const SILENCE = 2500;

/**
 * Tells a node that died from a socket that was cut. Without a socket two things still speak: the media, which
 * goes on while the node lives, and the front doors, which show whether our own network works.
 */
export class Liveness {
  readonly #media: Pick<Media, 'alive'>;
  readonly #networkWorks: () => Promise<boolean>;
  #heardAt = 0;

  /** @param networkWorks whether a front door answers */
  constructor(media: Pick<Media, 'alive'>, networkWorks: () => Promise<boolean>) {
    this.#media = media;
    this.#networkWorks = networkWorks;
  }

  /** The socket was lost now. */
  begin(): void {
    this.#heardAt = performance.now();
    // What came until now says nothing of later.
    void this.#media.alive();
  }

  /**
   * True when its media is silent and a front door answers: the network works by now.
   * Whether it did all the while, or was cut for both until a moment ago, is for one more try to find out.
   */
  async isSuspected(): Promise<boolean> {
    if (await this.#media.alive()) this.#heardAt = performance.now();
    if (performance.now() - this.#heardAt < SILENCE) return false;
    return this.#networkWorks();
  }
}
