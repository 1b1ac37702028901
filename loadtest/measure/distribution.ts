import type { Distribution } from '../report/result.ts';
import type { Histogram } from './histogram.ts';

/** A histogram of µs as figures in ms. */
export function distributionOf(histogram: Histogram): Distribution {
  const quantile = (share: number): number | null => inMs(histogram.quantile(share));
  return {
    count: histogram.count,
    mean: inMs(histogram.mean()),
    p50: quantile(0.5),
    p90: quantile(0.9),
    p95: quantile(0.95),
    p99: quantile(0.99),
    max: quantile(1),
    buckets: histogram.buckets(),
  };
}

function inMs(microseconds: number | null): number | null {
  return microseconds === null ? null : Math.round(microseconds) / 1000;
}
