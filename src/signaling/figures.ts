import type { MediaPeer } from '../media/types.ts';
import type { Clock } from '../rooms/clock.ts';

/** For so long figures are given again, in ms. */
const KEPT_MS = 1000;

type Media = Pick<MediaPeer, 'getStats'>;
type Answer = ReturnType<Media['getStats']>;

/** mediasoup's figures of one peer: hundreds of questions to its worker, so they are asked once a second at most. */
export class Figures {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #asked: { readonly media: Media; readonly at: number; readonly answer: Answer } | null = null;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
  }

  of(media: Media): Answer {
    const at = this.#clock.monotonicMs();
    if (this.#asked?.media !== media || at - this.#asked.at >= KEPT_MS) {
      const asked = { media, at, answer: media.getStats() };
      this.#asked = asked;
      // What failed is asked again by the next.
      asked.answer.catch(() => {
        if (this.#asked === asked) this.#asked = null;
      });
    }
    return this.#asked.answer;
  }
}
