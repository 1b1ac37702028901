import { setImmediate } from 'node:timers/promises';
import type { Clock } from './clock.ts';

/** How long work goes on before everything else has its turn, in ms: media and signaling wait no longer. */
const SLICE_MS = 2;

/** Long work on the event loop, cut into slices. */
export class Slices {
  readonly #clock: Pick<Clock, 'monotonicMs'>;
  #until: number;

  constructor(clock: Pick<Clock, 'monotonicMs'>) {
    this.#clock = clock;
    this.#until = clock.monotonicMs() + SLICE_MS;
  }

  /** Between two pieces of work: lets everything else have its turn once the slice is used up. */
  async breathe(): Promise<void> {
    if (this.#clock.monotonicMs() < this.#until) return;
    await setImmediate();
    this.#until = this.#clock.monotonicMs() + SLICE_MS;
  }
}
