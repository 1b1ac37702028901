import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { bucketOf, Histogram, histogramOf, lowestOf } from './histogram.ts';

describe('histogram', () => {
  test('every value lies in its bucket, and buckets are narrow', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 31 - 1 }), (value) => {
        const bucket = bucketOf(value);
        const [low, next] = [lowestOf(bucket), lowestOf(bucket + 1)];
        expect(value).toBeGreaterThanOrEqual(low);
        expect(value).toBeLessThan(next);
        expect(next - low).toBeLessThanOrEqual(Math.max(1, low / 32));
      }),
    );
  });

  test('quantiles are those of the sorted values, to a thirty-second', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 0, max: 10_000_000 }), { minLength: 1 }), (values) => {
        const histogram = new Histogram();
        for (const value of values) histogram.add(value);
        const sorted = values.toSorted((a, b) => a - b);
        for (const share of [0.5, 0.9, 0.99, 1]) {
          const exact = sorted[Math.max(1, Math.ceil(values.length * share)) - 1] ?? 0;
          expect(Math.abs((histogram.quantile(share) ?? -1) - exact)).toBeLessThanOrEqual(exact / 32 + 1);
        }
      }),
    );
  });

  test('those of parts add up to that of the whole', () => {
    const [one, other, all] = [new Histogram(), new Histogram(), new Histogram()];
    for (let value = 1; value < 5000; value += 7) {
      (value % 2 === 0 ? one : other).add(value);
      all.add(value);
    }
    const sum = histogramOf(one.buckets()).addBuckets(other.buckets());
    expect(sum.buckets()).toEqual(all.buckets());
    expect(sum.count).toBe(all.count);
    sum.clear();
    expect(sum.quantile(0.5)).toBeNull();
  });

  test('clocks that disagree, and absurd values, fall into the outermost buckets', () => {
    const histogram = new Histogram();
    histogram.add(-5);
    histogram.add(1e15);
    expect(histogram.quantile(0.1)).toBe(0);
    expect(histogram.quantile(1)).toBeGreaterThan(2 ** 30);
  });
});
