import { isIPv6 } from 'node:net';

export interface CapLimits {
  /** Held at once, all together. */
  readonly total: number;
  /** Held at once by one address: an IPv4 address, or the /64 of an IPv6 address. */
  readonly perAddress: number;
}

/** Gives back what was taken; idempotent. */
export type Release = () => void;

/** Counts what addresses hold. Memory is bounded by what is held: an address that holds nothing is forgotten. */
export class AddressCaps {
  readonly #limits: CapLimits;
  readonly #held = new Map<string, number>();
  #total = 0;

  constructor(limits: CapLimits) {
    this.#limits = limits;
  }

  get total(): number {
    return this.#total;
  }

  /** Takes one for the address, or says which cap forbids. */
  take(address: string): Release | 'total' | 'address' {
    const key = networkOf(address);
    const held = this.#held.get(key) ?? 0;
    if (held >= this.#limits.perAddress) return 'address';
    if (this.#total >= this.#limits.total) return 'total';
    this.#held.set(key, held + 1);
    this.#total++;
    let released = false;
    return () => {
      if (released) return;
      released = true;
      this.#total--;
      const left = (this.#held.get(key) ?? 1) - 1;
      if (left <= 0) this.#held.delete(key);
      else this.#held.set(key, left);
    };
  }
}

/** One IPv6 customer has a /64 at least: its addresses count as one. The address is in its canonical spelling. */
export function networkOf(address: string): string {
  if (!isIPv6(address)) return address;
  const [head = '', tail = ''] = address.split('::');
  const front = head === '' ? [] : head.split(':');
  const back = tail === '' ? [] : tail.split(':');
  const zeros = address.includes('::') ? 8 - front.length - back.length : 0;
  return [...front, ...Array.from({ length: zeros }, () => '0'), ...back].slice(0, 4).join(':');
}
