import { allowed } from './allowed.ts';
import type { CompiledPolicy } from './compile.ts';

/**
 * Families of reach. `fence`: clients of a region may have media processed there (pipes). `seat`: their route
 * may seat them there. `address`: the address's region allows it. `evidence`: an address in this country does
 * not forbid it, which differs from `address` where the country is in no region: there an address adds nothing
 * under `conflict: both`, so that taking a country out of its region lets sessions through that it held back.
 */
export type Family = 'fence' | 'seat' | 'address' | 'evidence';

/** Who reaches: a client region, a country, or these. */
export const NO_CLAIM = '(no claim)';
export const NO_REGION = '(no region)';

/** A way by which a datacenter comes to process something. */
export type Way = 'primary' | 'secondary' | 'redirect' | 'room move' | 'pipe' | 'address';

/** One row of Reach: who, and to which datacenters, by name. */
export interface Row {
  readonly family: Family;
  readonly who: string;
  /** The ways to a datacenter; empty when it is not reached. */
  ways(datacenter: string): readonly Way[];
}

const NONE: readonly Way[] = [];
const PIPE: readonly Way[] = ['pipe'];
const PRIMARY: readonly Way[] = ['primary', 'redirect', 'room move'];
const SECONDARY: readonly Way[] = ['secondary', 'redirect', 'room move'];
const ADDRESS: readonly Way[] = ['address'];

/**
 * Reach of a policy, a row at a time. `countries` are those to give rows for: the rows of two policies can be
 * compared when both are asked for the countries of either.
 */
export function reachOf(p: CompiledPolicy, countries: Iterable<string>): Row[] {
  const rows: Row[] = [];
  for (const region of p.regionNames) rows.push(fenceRow(p, region, region), seatRow(p, region, region));
  const { unknown } = p.policy;
  if (unknown !== null) rows.push(fenceRow(p, NO_CLAIM, unknown), seatRow(p, NO_CLAIM, unknown));
  for (const country of countries) {
    const region = p.regionOfCountry.get(country);
    if (region !== undefined) rows.push(addressRow(p, 'address', country, region));
    rows.push(region === undefined ? unlistedRow(p, country) : addressRow(p, 'evidence', country, region));
  }
  rows.push(unlistedRow(p, NO_REGION));
  return rows;
}

function fenceRow(p: CompiledPolicy, who: string, region: string): Row {
  return { family: 'fence', who, ways: (d) => (allowed(p, region, d) ? PIPE : NONE) };
}

function seatRow(p: CompiledPolicy, who: string, region: string): Row {
  const route = p.policy.routes.get(region);
  const primaries = new Set(route?.primaries);
  const secondaries = new Set(route?.secondaries);
  return {
    family: 'seat',
    who,
    ways: (d) => {
      if (!allowed(p, region, d)) return NONE;
      if (primaries.has(d)) return PRIMARY;
      return secondaries.has(d) ? SECONDARY : NONE;
    },
  };
}

function addressRow(p: CompiledPolicy, family: 'address' | 'evidence', country: string, region: string): Row {
  return { family, who: country, ways: (d) => (allowed(p, region, d) ? ADDRESS : NONE) };
}

/** An address in no region forbids nothing under `both`, and everything under `refuse`. */
function unlistedRow(p: CompiledPolicy, who: string): Row {
  const closed = new Set(p.policy.closed);
  const open = p.policy.conflict === 'both';
  return {
    family: 'evidence',
    who,
    ways: (d) => (open && p.datacenterNumber.has(d) && !closed.has(d) ? ADDRESS : NONE),
  };
}
