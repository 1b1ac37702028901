import type { Datacenter, Policy, Region } from './model.ts';

/** The policy as a YAML document that parses to the same policy. Strings are quoted as JSON, which YAML 1.2 reads. */
export function printPolicy(policy: Policy): string {
  const lines = [`version: ${policy.version}`, `cloud: ${quote(policy.cloud)}`];
  const section = <T>(name: string, entries: Iterable<[string, T]>, print: (value: T) => string) => {
    const all = [...entries].map(([key, value]) => `  ${quote(key)}: { ${print(value)} }`);
    lines.push(...(all.length === 0 ? [`${name}: {}`] : [`${name}:`, ...all]));
  };
  section('regions', policy.regions, printRegion);
  section('datacenters', policy.datacenters, printDatacenter);
  section(
    'routes',
    policy.routes,
    (r) => `primaries: ${list(r.primaries)}, secondaries: ${list(r.secondaries)}`,
  );
  lines.push(
    `unknown: ${policy.unknown === null ? 'refuse' : quote(policy.unknown)}`,
    `conflict: ${policy.conflict}`,
    `closed: ${list(policy.closed)}`,
  );
  if (policy.expires !== null) lines.push(`expires: ${new Date(policy.expires).toISOString()}`);
  return `${lines.join('\n')}\n`;
}

function printRegion({ countries, admits, confined }: Region): string {
  const fence = admits === 'any' ? 'any' : list(admits);
  return `countries: ${list(countries)}, admits: ${fence}, confined: ${confined}`;
}

function printDatacenter({ region, url, weight, key, media }: Datacenter): string {
  const parts = [`region: ${quote(region)}`, `url: ${quote(url)}`];
  if (weight !== 1) parts.push(`weight: ${weight}`);
  if (key !== null) parts.push(`key: ${quote(key)}`);
  if (media.length > 0) parts.push(`media: ${list(media)}`);
  return parts.join(', ');
}

function list(names: readonly string[]): string {
  return `[${names.map(quote).join(', ')}]`;
}

/** Plain where YAML cannot take it for anything but a string. */
function quote(text: string): string {
  return /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/.test(text) && !['true', 'false', 'null'].includes(text)
    ? text
    : JSON.stringify(text);
}
