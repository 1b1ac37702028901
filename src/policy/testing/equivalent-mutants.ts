/** Mutants that behave as the original does, and why. Keyed by file and by the mutant within its line. */
export const EQUIVALENT: ReadonlyMap<string, string> = new Map([
  [
    'allowed.ts: if ({c === undefined || d === undefined → true}) return toldAfresh(p, client, datacenter);',
    'told afresh instead of from the cache',
  ],
  ['allowed.ts: if ({told === undefined → true}) {', 'told afresh instead of from the cache'],
  ['allowed.ts: if ({explanation === undefined → true}) {', 'told afresh instead of from the cache'],
  [
    'allowed.ts: if ({region !== label.home → true}) clients.push(p.regionNumber.get(region));',
    'a region asked about twice answers the same twice',
  ],
  [
    'allowed.ts: const question = c * p.datacenterNames.length {+ → -} d;',
    'keys of the cache are as distinct counted back as counted on',
  ],
  [
    'label.ts: const region = {evidence.country === null → false} ? undefined : p.regionOfCountry.get(evidence.country);',
    'no region has the country null',
  ],
  [
    'routing.ts: const mine = {uniform → false} ? hash : rank(hash, p.weights[d] ?? 1);',
    'of equal weights the score rises with the hash: the hash alone is only sooner found',
  ],
  [
    'prove.ts: confined: policy.regions.get(client)?.confined ?? {false → true},',
    'the client region of a route is always defined',
  ],
]);
