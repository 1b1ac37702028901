import { digestOf } from './digest.ts';
import { fenceBetween } from './fence.ts';
import { hash32, SEEDS } from './hash.ts';
import type { Policy } from './model.ts';

/** A client region's route with the datacenters as indices, in the order of the document. */
export interface CompiledRoute {
  readonly primaries: Uint32Array;
  readonly secondaries: Uint32Array;
  /** Whether all secondaries weigh the same: then the greater hash is drawn, without a logarithm. */
  readonly uniform: boolean;
  /** 1 for each datacenter that the route lists. */
  readonly seats: Uint8Array;
}

/** A policy made ready for decisions: names become indices, and the fences a table. Immutable. */
export interface CompiledPolicy {
  readonly policy: Policy;
  /** `sha256:<hex>` over the canonical form. */
  readonly digest: string;
  /** Names in the order of the document; the index of a name is its number. */
  readonly regionNames: readonly string[];
  readonly datacenterNames: readonly string[];
  readonly regionNumber: ReadonlyMap<string, number>;
  readonly datacenterNumber: ReadonlyMap<string, number>;
  /** Number of the region that each datacenter is in. */
  readonly regionOf: Uint32Array;
  /** Row `c`, column `d`: 1 when d is in A(c). */
  readonly table: Uint8Array;
  readonly routes: ReadonlyMap<string, CompiledRoute>;
  /** Static weight of each datacenter, and two halves of the hash of its name: what the draw needs. */
  readonly weights: Float64Array;
  readonly siteHashes: Uint32Array;
  /** Country code to region name. */
  readonly regionOfCountry: ReadonlyMap<string, string>;
}

/** Compiles a parsed policy. Cost: regions × datacenters. */
export function compilePolicy(policy: Policy): CompiledPolicy {
  const regionNames = [...policy.regions.keys()];
  const datacenterNames = [...policy.datacenters.keys()];
  const regionNumber = new Map(regionNames.map((name, i) => [name, i]));
  const datacenterNumber = new Map(datacenterNames.map((name, i) => [name, i]));
  const weights = Float64Array.from(policy.datacenters.values(), (d) => d.weight);
  return {
    policy,
    digest: digestOf(policy),
    regionNames,
    datacenterNames,
    regionNumber,
    datacenterNumber,
    regionOf: Uint32Array.from(datacenterNames, (name) => {
      const region = policy.datacenters.get(name)?.region ?? '';
      return regionNumber.get(region) ?? regionNames.length;
    }),
    table: tableOf(policy),
    routes: new Map(
      [...policy.routes.values()].map((route) => {
        const numbers = (names: readonly string[]) =>
          Uint32Array.from(names.flatMap((name) => datacenterNumber.get(name) ?? []));
        const primaries = numbers(route.primaries);
        const secondaries = numbers(route.secondaries);
        const seats = new Uint8Array(datacenterNames.length);
        for (const d of [...primaries, ...secondaries]) seats[d] = 1;
        const uniform = secondaries.every((d) => weights[d] === weights[secondaries[0] ?? 0]);
        return [route.region, { primaries, secondaries, uniform, seats }];
      }),
    ),
    weights,
    siteHashes: Uint32Array.from(datacenterNames.flatMap((name) => SEEDS.map((seed) => hash32(name, seed)))),
    regionOfCountry: new Map(
      [...policy.regions.values()].flatMap((r) => r.countries.map((country) => [country, r.name] as const)),
    ),
  };
}

/** A as a table: row by row the regions, column by column the datacenters, each in the order of the document. */
export function tableOf(policy: Policy): Uint8Array {
  const regions = [...policy.regions.values()];
  const sites = [...policy.datacenters.values()];
  const closed = new Set(policy.closed);
  const table = new Uint8Array(regions.length * sites.length);
  let cell = 0;
  for (const client of regions) {
    const admitted = new Set(regions.filter((r) => fenceBetween(client, r).allowed).map((r) => r.name));
    for (const site of sites) table[cell++] = admitted.has(site.region) && !closed.has(site.name) ? 1 : 0;
  }
  return table;
}
