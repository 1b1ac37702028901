import type { Clock } from './clock.ts';

/** How often something may happen: `perSecond` sustained, up to `burst` at once. */
export interface Rate {
  readonly perSecond: number;
  readonly burst: number;
}

/** A token bucket over the monotonic clock; starts full. */
export class TokenBucket {
  readonly #rate: Rate;
  readonly #clock: Clock;
  #tokens: number;
  #at: number;

  constructor(rate: Rate, clock: Clock) {
    this.#rate = rate;
    this.#clock = clock;
    this.#tokens = rate.burst;
    this.#at = clock.monotonicMs();
  }

  /** Takes one, or as much as something costs; false when that is not left. What costs more than a burst costs that. */
  take(cost = 1): boolean {
    this.#fill();
    const taken = Math.min(cost, this.#rate.burst);
    if (this.#tokens < taken) return false;
    this.#tokens -= taken;
    return true;
  }

  /** Seconds until one can be taken; 0 where one is there. */
  secondsToNext(): number {
    this.#fill();
    return Math.max(0, (1 - this.#tokens) / this.#rate.perSecond);
  }

  /** As good as a new one. */
  isFull(): boolean {
    this.#fill();
    return this.#tokens >= this.#rate.burst;
  }

  #fill(): void {
    const now = this.#clock.monotonicMs();
    const more = ((now - this.#at) / 1000) * this.#rate.perSecond;
    this.#tokens = Math.min(this.#rate.burst, this.#tokens + more);
    this.#at = now;
  }
}
