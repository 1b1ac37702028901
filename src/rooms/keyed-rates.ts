import type { Clock } from './clock.ts';
import { type Rate, TokenBucket } from './token-bucket.ts';

/** Who is remembered at most; beyond it the one that asked longest ago is forgotten. */
const MAX_KEYS = 50_000;

/** How often each of many may do something. Memory is bounded: whoever was silent for long is as good as new. */
export class KeyedRates {
  readonly #rate: Rate;
  readonly #clock: Clock;
  readonly #maxKeys: number;
  /** Longest silent first. */
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(rate: Rate, clock: Clock, maxKeys = MAX_KEYS) {
    this.#rate = rate;
    this.#clock = clock;
    this.#maxKeys = maxKeys;
  }

  /** Those that are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Takes one for the key; 0, or the whole seconds after which it may be taken again. */
  take(key: string): number {
    const bucket = this.#buckets.get(key) ?? new TokenBucket(this.#rate, this.#clock);
    const taken = bucket.take();
    this.#buckets.delete(key);
    this.#buckets.set(key, bucket);
    this.#forget();
    return taken ? 0 : Math.max(1, Math.ceil(bucket.secondsToNext()));
  }

  /** Whoever has been silent until its bucket was full again is as good as new; and no more than may be. */
  #forget(): void {
    for (const [key, bucket] of this.#buckets) {
      if (this.#buckets.size <= this.#maxKeys && !bucket.isFull()) return;
      this.#buckets.delete(key);
    }
  }
}
