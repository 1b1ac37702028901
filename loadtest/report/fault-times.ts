import type { FaultResult } from './result.ts';

/** The smallest of ascending values that at least this share of them does not exceed; null of none. */
export function quantileOf(ascending: readonly number[], share: number): number | null {
  return ascending[Math.max(0, Math.ceil(ascending.length * share) - 1)] ?? null;
}

/** How long participants had no media, all faults together, in ms. */
export function timesOf(faults: readonly Pick<FaultResult, 'timesMs'>[]) {
  const all = faults.flatMap(({ timesMs }) => timesMs).sort((a, b) => a - b);
  return {
    count: all.length,
    p50: quantileOf(all, 0.5),
    p95: quantileOf(all, 0.95),
    max: quantileOf(all, 1),
  };
}
