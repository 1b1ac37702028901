/** How long fewer layers must be wanted before the publisher is told: people scroll back and forth. */
const DOWN_DELAY_MS = 500;
/** A new producer's first subscribers get this long to resume what they were given. */
const FIRST_DOWN_DELAY_MS = 2_000;

/**
 * Tells a publisher which of its layers anyone watches: at once when more are wanted, after a pause when fewer.
 * A spatial layer counts from 0; null means that nobody watches at all.
 */
export class WantedLayers {
  readonly #announce: (spatialLayer: number | null) => void;
  readonly #calmUntil = performance.now() + FIRST_DOWN_DELAY_MS;
  #announced: number | null;
  #wanted: number | null;
  #timer: NodeJS.Timeout | undefined;

  /** `top` is the highest layer, which a publisher sends until it hears otherwise. */
  constructor(top: number, announce: (spatialLayer: number | null) => void) {
    this.#announced = top;
    this.#wanted = top;
    this.#announce = announce;
  }

  /** The layer last announced. */
  get announced(): number | null {
    return this.#announced;
  }

  update(wanted: number | null): void {
    this.#wanted = wanted;
    if (height(wanted) > height(this.#announced)) {
      this.#tell();
    } else if (wanted === this.#announced) {
      clearTimeout(this.#timer);
      this.#timer = undefined;
    } else {
      this.#timer ??= setTimeout(
        () => this.#tell(),
        Math.max(DOWN_DELAY_MS, this.#calmUntil - performance.now()),
      );
    }
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  #tell(): void {
    this.close();
    if (this.#announced === this.#wanted) return;
    this.#announced = this.#wanted;
    this.#announce(this.#announced);
  }
}

function height(layer: number | null): number {
  return layer ?? -1;
}
