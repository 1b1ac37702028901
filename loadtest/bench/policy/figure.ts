/** One number that the policy engine promises. */
export interface Figure {
  readonly name: string;
  readonly unit: string;
  /** What the product promises of it. */
  readonly target: { readonly atLeast: number } | { readonly atMost: number } | null;
  /** One value for each round, after one round that warms up. */
  measure(rounds: number): Promise<readonly number[]> | readonly number[];
}

/** Operations per second, in millions, of `work(n)`, which does n of them. */
export function rates(rounds: number, operations: number, work: (n: number) => number): number[] {
  let sink = work(operations);
  const found = Array.from({ length: rounds }, () => {
    const start = performance.now();
    sink += work(operations);
    return operations / ((performance.now() - start) * 1000);
  });
  if (Number.isNaN(sink)) throw new Error('unreachable: keeps the work from being optimised away');
  return found;
}
