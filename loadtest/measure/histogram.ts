/**
 * Counts of microseconds in buckets whose width is 1/32 of their value, so that quantiles are exact to about 3 %
 * whatever the range, and histograms of many streams, processes and intervals add up without loss.
 */

/** Buckets below 2^31 µs, some 36 minutes. */
const BUCKETS = 27 * 32;
const LARGEST = 2 ** 31 - 1;

/** Pairs of bucket number and count, ascending: how a histogram travels and is kept in results. */
export type Buckets = readonly (readonly [number, number])[];

export class Histogram {
  readonly #counts = new Float64Array(BUCKETS);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  /** Adds one value in µs; a negative one (two clocks that disagree) counts as 0. */
  add(microseconds: number): void {
    const bucket = bucketOf(microseconds);
    this.#counts[bucket] = (this.#counts[bucket] ?? 0) + 1;
    this.#count += 1;
  }

  addBuckets(buckets: Buckets): this {
    for (const [bucket, count] of buckets) {
      if (bucket < 0 || bucket >= BUCKETS) continue;
      this.#counts[bucket] = (this.#counts[bucket] ?? 0) + count;
      this.#count += count;
    }
    return this;
  }

  /** What was counted since `clear`. */
  buckets(): [number, number][] {
    const found: [number, number][] = [];
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      const count = this.#counts[bucket] ?? 0;
      if (count > 0) found.push([bucket, count]);
    }
    return found;
  }

  clear(): void {
    if (this.#count === 0) return;
    this.#counts.fill(0);
    this.#count = 0;
  }

  /** µs below which the share of the values lies, as the middle of its bucket; null of nothing. */
  quantile(share: number): number | null {
    if (this.#count === 0) return null;
    const rank = Math.max(1, Math.ceil(this.#count * share));
    let seen = 0;
    for (let bucket = 0; bucket < BUCKETS; bucket += 1) {
      seen += this.#counts[bucket] ?? 0;
      if (seen >= rank) return middleOf(bucket);
    }
    return middleOf(BUCKETS - 1);
  }

  mean(): number | null {
    if (this.#count === 0) return null;
    let sum = 0;
    this.#counts.forEach((count, bucket) => {
      if (count > 0) sum += count * middleOf(bucket);
    });
    return sum / this.#count;
  }
}

export function histogramOf(buckets: Buckets): Histogram {
  return new Histogram().addBuckets(buckets);
}

/** The bucket that a value in µs falls into. */
export function bucketOf(microseconds: number): number {
  const value = Math.min(LARGEST, Math.max(0, Math.floor(microseconds)));
  if (value < 32) return value;
  const exponent = 31 - Math.clz32(value);
  return (exponent - 4) * 32 + ((value >> (exponent - 5)) & 31);
}

/** Lowest µs of a bucket. */
export function lowestOf(bucket: number): number {
  if (bucket < 32) return bucket;
  const exponent = Math.floor(bucket / 32) + 4;
  return 2 ** exponent + (bucket % 32) * 2 ** (exponent - 5);
}

function middleOf(bucket: number): number {
  return (lowestOf(bucket) + lowestOf(bucket + 1) - 1) / 2;
}
