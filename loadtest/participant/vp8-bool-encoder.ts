/** The boolean entropy encoder of VP8 (RFC 6386 section 7). */
export class BoolEncoder {
  readonly #out: number[] = [];
  #range = 255;
  #bottom = 0;
  /** Shifts until a byte of `#bottom` is complete. */
  #shifts = 24;

  /** Writes one bit whose probability of being 0 is `probability`/256. */
  bool(probability: number, bit: boolean): void {
    const split = 1 + (((this.#range - 1) * probability) >> 8);
    if (bit) {
      this.#bottom = (this.#bottom + split) >>> 0;
      this.#range -= split;
    } else {
      this.#range = split;
    }
    while (this.#range < 128) {
      this.#range <<= 1;
      if (this.#bottom >>> 31 === 1) this.#carry();
      this.#bottom = (this.#bottom << 1) >>> 0;
      this.#shifts -= 1;
      if (this.#shifts === 0) {
        this.#out.push(this.#bottom >>> 24);
        this.#bottom &= 0xffffff;
        this.#shifts = 8;
      }
    }
  }

  /** An unsigned number of `bits` bits, most significant first, at even odds. */
  literal(value: number, bits: number): void {
    for (let bit = bits - 1; bit >= 0; bit -= 1) this.bool(128, ((value >> bit) & 1) === 1);
  }

  flag(bit: boolean): void {
    this.bool(128, bit);
  }

  /** Flushes, and gives everything written. */
  end(): Buffer {
    // Enough even bits to push every bit that matters out of the register.
    for (let n = 0; n < 32; n += 1) this.flag(false);
    return Buffer.from(this.#out);
  }

  #carry(): void {
    let last = this.#out.length - 1;
    while (last >= 0 && this.#out[last] === 255) {
      this.#out[last] = 0;
      last -= 1;
    }
    const byte = this.#out[last];
    if (byte !== undefined) this.#out[last] = byte + 1;
  }
}
