import type { Label } from '../policy/model.ts';

/** Whether two labels say the same; the order in which regions stand in them says nothing. */
export function sameLabel(a: Label, b: Label): boolean {
  return (
    a.home === b.home &&
    sameNames(a.evidence, b.evidence) &&
    (a.regions === null || b.regions === null ? a.regions === b.regions : sameNames(a.regions, b.regions))
  );
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  const [left, right] = [new Set(a), new Set(b)];
  return left.size === right.size && [...left].every((name) => right.has(name));
}
