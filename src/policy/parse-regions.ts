import { COUNTRIES, meantCountry } from './countries.ts';
import type { Admits, Region } from './model.ts';
import type { NamedReader } from './named-reader.ts';
import { checkName } from './reader.ts';
import type { Entry, Tree } from './tree.ts';

const REGION = { required: ['countries', 'admits'], optional: ['confined'] } as const;
/** There are 249 countries; the tables that decisions read grow with regions times datacenters. */
export const MAX_REGIONS = 1000;

/** The section `regions`. */
export function readRegions(reader: NamedReader, entry: Entry | undefined): Map<string, Region> {
  const countryOf = new Map<string, string>();
  const regions = reader.section(entry, '"regions"', MAX_REGIONS, (name, { at, value }) => {
    checkName(reader, name, at, 'the region');
    const what = `region ${name}`;
    const record = reader.record<'countries' | 'admits' | 'confined'>(value, at, what, REGION);
    if (record === null) return null;
    const countries = record.get('countries');
    const admits = record.get('admits');
    const confined = record.get('confined');
    return {
      name,
      countries: countries === undefined ? [] : readCountries(reader, countries.value, name, countryOf),
      admits: admits === undefined ? [] : readAdmits(reader, admits, name),
      confined: (confined && reader.boolean(confined.value, `"confined" of ${what}`)) ?? false,
    };
  });
  if (entry?.value.kind === 'map' && entry.value.entries.size === 0) {
    reader.remark(entry.at, 'no-regions', 'a policy has at least one region');
  }
  return regions;
}

function readCountries(
  reader: NamedReader,
  tree: Tree,
  region: string,
  countryOf: Map<string, string>,
): string[] {
  const texts = reader.strings(tree, `"countries" of region ${region}`) ?? [];
  for (const { at, value } of texts) {
    const other = countryOf.get(value);
    if (!COUNTRIES.has(value)) {
      const meant = meantCountry(value);
      const hint = meant === null ? '' : `; did you mean "${meant}"?`;
      reader.remark(
        at,
        'country',
        `"${value}" is not an assigned ISO 3166-1 alpha-2 code in upper case${hint}`,
      );
    } else if (other !== undefined && other !== region) {
      reader.remark(at, 'country-twice', `${value} stands in two regions: ${other} and ${region}`);
    }
    countryOf.set(value, other ?? region);
  }
  return reader.each(texts, 'country-twice', `the countries of region ${region}`);
}

function readAdmits(reader: NamedReader, { at, value }: Entry, region: string): Admits {
  const what = `"admits" of region ${region}`;
  if (value.kind === 'scalar') {
    if (value.value === 'any') return 'any';
    reader.remark(value.at, 'admits', `${what} must be any or a list of regions`);
    return [];
  }
  const texts = reader.strings(value, what);
  if (texts === null) return [];
  for (const text of texts) reader.defined(text, 'region');
  const admits = reader.each(texts, 'admits', what);
  if (admits.length === 0)
    reader.remark(at, 'admits', `${what} is empty: it lists at least ${region} itself`);
  else if (!admits.includes(region)) reader.remark(at, 'admits', `${what} lacks ${region} itself`);
  return admits;
}
