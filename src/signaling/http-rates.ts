import type { Clock } from '../rooms/clock.ts';
import { KeyedRates } from '../rooms/keyed-rates.ts';
import type { Rate } from '../rooms/token-bucket.ts';
import { networkOf } from './http-caps.ts';

/**
 * How often each address may ask: an IPv4 address, or the /64 of an IPv6 address. Memory is bounded; whoever can
 * ask from more addresses than are remembered is held by the bound on questions in flight alone.
 */
export class AddressRates {
  readonly #rates: KeyedRates;

  constructor(rate: Rate, clock: Clock, maxAddresses?: number) {
    this.#rates = new KeyedRates(rate, clock, maxAddresses);
  }

  /** Addresses that are remembered. */
  get size(): number {
    return this.#rates.size;
  }

  /** Takes one question for the address; 0, or the whole seconds after which it may ask again. */
  take(address: string): number {
    return this.#rates.take(networkOf(address));
  }
}
