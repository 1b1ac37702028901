import { allowed, type Explanation, explainAllowed } from './allowed.ts';
import type { CompiledPolicy } from './compile.ts';
import type { Label } from './model.ts';
import { common } from './room.ts';

/** Where a room of clients of some regions can sit, with every datacenter up. */
export interface Meeting {
  /** Everyone has a seat. */
  readonly possible: boolean;
  /** Datacenters allowed for everyone. */
  readonly common: readonly string[];
  /** For each region, its seats in `common`, in the route's order. */
  readonly seats: readonly { readonly region: string; readonly datacenters: readonly string[] }[];
  /** Seats that all of them share: there the room needs no pipe. */
  readonly together: readonly string[];
  /** For each datacenter outside `common`, the first region that it is not allowed for, and why. */
  readonly barred: readonly { readonly datacenter: string; readonly why: Explanation }[];
}

/** Where clients of all these regions can be in one room. */
export function meet(p: CompiledPolicy, regions: readonly string[]): Meeting {
  const labels = regions.map((home): Label => ({ home, evidence: [home], regions: null }));
  const shared = common(p, labels);
  const seats = regions.map((region) => {
    const route = p.policy.routes.get(region);
    const listed = route === undefined ? [] : [...route.primaries, ...route.secondaries];
    return { region, datacenters: listed.filter((d) => shared.includes(d)) };
  });
  return {
    possible: seats.every((s) => s.datacenters.length > 0),
    common: shared,
    seats,
    together: shared.filter((d) => seats.every((s) => s.datacenters.includes(d))),
    barred: p.datacenterNames.flatMap((datacenter) => {
      const region = regions.find((r) => !allowed(p, r, datacenter));
      return region === undefined ? [] : [{ datacenter, why: explainAllowed(p, region, datacenter) }];
    }),
  };
}
