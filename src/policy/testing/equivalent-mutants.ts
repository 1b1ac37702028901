/** Mutants that behave as the original does, and why. Keyed by `file: original → mutated`. */
export const EQUIVALENT: ReadonlyMap<string, string> = new Map([
  ['allowed.ts: c === undefined → false', 'an index that is not a number finds no cell of the table'],
  ['allowed.ts: d === undefined → false', 'an index that is not a number finds no cell of the table'],
  ['allowed.ts: c === undefined || d === undefined → true', 'told afresh instead of from the cache'],
  ['allowed.ts: explanation === undefined → true', 'told afresh instead of from the cache'],
  ['allowed.ts: + → -', 'cells of the cache are as distinct counted back as counted on'],
  ['label.ts: evidence.country === null → false', 'no region has the country null'],
  ['allowed.ts: told === undefined → true', 'told afresh instead of from the cache'],
  ["prove.ts: admits === 'any' → false", 'a region that admits any is never at fault by what it admits'],
  ['prove.ts: false → true', 'the client region of a route is always defined'],
]);
