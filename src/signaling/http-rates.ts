import type { Clock } from '../rooms/clock.ts';
import { type Rate, TokenBucket } from '../rooms/token-bucket.ts';
import { networkOf } from './http-caps.ts';

/** Addresses that are remembered at most; beyond it the one that asked longest ago is forgotten. */
const MAX_ADDRESSES = 50_000;

/**
 * How often each address may ask: an IPv4 address, or the /64 of an IPv6 address. Memory is bounded; whoever can
 * ask from more addresses than are remembered is held by the bound on questions in flight alone.
 */
export class AddressRates {
  readonly #rate: Rate;
  readonly #clock: Clock;
  readonly #maxAddresses: number;
  /** Longest silent first. */
  readonly #buckets = new Map<string, TokenBucket>();

  constructor(rate: Rate, clock: Clock, maxAddresses = MAX_ADDRESSES) {
    this.#rate = rate;
    this.#clock = clock;
    this.#maxAddresses = maxAddresses;
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#buckets.size;
  }

  /** Takes one question for the address; 0, or the whole seconds after which it may ask again. */
  take(address: string): number {
    const key = networkOf(address);
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
      if (this.#buckets.size <= this.#maxAddresses && !bucket.isFull()) return;
      this.#buckets.delete(key);
    }
  }
}
