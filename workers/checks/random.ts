/** Random numbers that a seed repeats. */
export interface Random {
  /** An integer from 0 to below `n`. */
  below(n: number): number;
  bytes(n: number): Buffer;
  pick<T>(from: readonly T[]): T;
}

/** Mulberry32: 32 bits of state, which is enough to vary packets. */
export function seededRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = (): number => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return (t ^ (t >>> 14)) >>> 0;
  };
  const below = (n: number): number => next() % n;
  return {
    below,
    bytes: (n) => Buffer.from(Array.from({ length: n }, () => below(256))),
    pick: (from) => {
      const chosen = from[below(from.length)];
      if (chosen === undefined) throw new Error('nothing to pick from');
      return chosen;
    },
  };
}
