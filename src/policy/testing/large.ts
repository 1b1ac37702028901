import { COUNTRIES } from '../countries.ts';
import type { Datacenter, Policy, Region, Route } from '../model.ts';

/** A cloud of the size the figures are stated for; one that holds. */
export function largePolicy(regions: number, datacenters: number, secondaries: number): Policy {
  const countries = [...COUNTRIES];
  const names = Array.from({ length: regions }, (_, i) => `region-${i}`);
  const sites = Array.from({ length: datacenters }, (_, i) => `dc-${i}`);
  const regionOf = (i: number) => names[i % regions] ?? '';
  return {
    version: 1,
    cloud: 'bench',
    regions: new Map(
      names.map((name, i): [string, Region] => {
        // Every tenth region is closed to others; all others list everyone, which is the slowest to check.
        const admits = i % 10 === 9 ? [name] : names;
        return [
          name,
          { name, countries: countries[i] === undefined ? [] : [countries[i]], admits, confined: false },
        ];
      }),
    ),
    datacenters: new Map(
      sites.map((name, i): [string, Datacenter] => [
        name,
        {
          name,
          region: regionOf(i),
          url: `wss://${name}.example.net`,
          weight: 1,
          key: `key-${i}`,
          media: [],
        },
      ]),
    ),
    routes: new Map(
      names.map((region, i): [string, Route] => {
        const own = sites.filter((_, d) => regionOf(d) === region).slice(0, 5);
        const open = sites.filter((_, d) => d % regions !== i && (d % regions) % 10 !== 9);
        const start = (i * 37) % (open.length - secondaries);
        return [region, { region, primaries: own, secondaries: open.slice(start, start + secondaries) }];
      }),
    ),
    unknown: null,
    conflict: 'both',
    closed: [],
    expires: null,
  };
}
