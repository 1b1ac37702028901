import fc from 'fast-check';
import type { Datacenter, Label, Policy, Region, Route } from '../model.ts';

const REGIONS = ['us', 'eu', 'cn', 'hk'];
const COUNTRIES = ['US', 'DE', 'CN', 'HK', 'NO', 'BR'];
const DATACENTERS = ['sjc', 'fra', 'sha', 'hkg', 'tsn'];
export const SMALL_COUNTRIES: readonly string[] = COUNTRIES;

interface Size {
  readonly regions: number;
  readonly datacenters: number;
}

/** Any policy that the parser accepts, of a few regions and datacenters; many of them fail `check`. */
export function policies(size: Size = { regions: 4, datacenters: 5 }): fc.Arbitrary<Policy> {
  return fc
    .record({
      regions: fc.integer({ min: 1, max: size.regions }),
      datacenters: fc.integer({ min: 0, max: size.datacenters }),
    })
    .chain((n) => bodies(REGIONS.slice(0, n.regions), DATACENTERS.slice(0, n.datacenters)));
}

function bodies(names: string[], sites: string[]): fc.Arbitrary<Policy> {
  const name = fc.constantFrom(...names);
  return fc.record({
    version: fc.integer({ min: 1, max: 1_000_000 }),
    cloud: fc.constantFrom('commercial', 'test'),
    regions: fc
      .record({
        each: fc.tuple(...names.map(regionBody(names))),
        homes: fc.tuple(...COUNTRIES.map(() => fc.option(name))),
      })
      .map(({ each, homes }) => {
        const entries = each.map((body, i): [string, Region] => {
          const region = names[i] ?? '';
          return [
            region,
            { ...body, name: region, countries: COUNTRIES.filter((_, k) => homes[k] === region) },
          ];
        });
        return new Map(entries);
      }),
    datacenters: fc
      .tuple(...sites.map((site) => datacenter(site, name)))
      .map((all) => new Map(all.map((d): [string, Datacenter] => [d.name, d]))),
    routes: fc
      .tuple(...names.map((region) => fc.option(route(region, sites))))
      .map(
        (all) =>
          new Map(
            all.filter((r) => r !== null && r !== undefined).map((r): [string, Route] => [r.region, r]),
          ),
      ),
    unknown: fc.option(name),
    conflict: fc.constantFrom('both', 'refuse'),
    closed: fc.oneof({ weight: 3, arbitrary: fc.constant([]) }, { weight: 1, arbitrary: fc.subarray(sites) }),
    expires: fc.option(fc.integer({ min: 0, max: 4_000_000_000_000 })),
  });
}

function regionBody(names: string[]) {
  return (own: string): fc.Arbitrary<Pick<Region, 'admits' | 'confined'>> =>
    fc.record({
      admits: fc.oneof(
        fc.constant('any' as const),
        fc.subarray(names).map((some) => [...new Set([own, ...some])]),
      ),
      confined: fc.oneof(fc.constant(false), fc.constant(false), fc.constant(true)),
    });
}

function datacenter(name: string, region: fc.Arbitrary<string>): fc.Arbitrary<Datacenter> {
  return fc.record({
    name: fc.constant(name),
    region,
    url: fc.constantFrom(
      `wss://${name}.example.net`,
      `wss://${name}.example.org:8443`,
      `ws://127.0.0.1:${4000 + DATACENTERS.indexOf(name)}`,
    ),
    weight: fc.constantFrom(1, 1, 2, 0.5, 40),
    key: fc.option(fc.constantFrom(`key-${name}`, `other "key" of ${name}`)),
    media: fc.constant([]),
  });
}

/** Null where there is no datacenter to be a primary. */
function route(region: string, sites: string[]): fc.Arbitrary<Route | null> {
  if (sites.length === 0) return fc.constant(null);
  return fc
    .record({ order: fc.shuffledSubarray(sites, { minLength: 1 }), split: fc.nat() })
    .map(({ order, split }) => {
      const primaries = 1 + (split % order.length);
      return { region, primaries: order.slice(0, primaries), secondaries: order.slice(primaries) };
    });
}

/** Labels over the names of the small policies, and over one that no policy defines. */
export function labels(): fc.Arbitrary<Label> {
  const region = fc.constantFrom(...REGIONS, 'xx');
  return fc.record({
    home: region,
    evidence: fc.uniqueArray(region, { maxLength: 3 }),
    regions: fc.option(fc.subarray([...REGIONS, 'xx'])),
  });
}

export const sites: fc.Arbitrary<string> = fc.constantFrom(...DATACENTERS, 'xxx');
export const someSites: fc.Arbitrary<string[]> = fc.subarray(DATACENTERS);
