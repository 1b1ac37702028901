import { parse } from 'yaml';

/**
 * A second reading of a policy document, from the specification alone: plain objects, and every rule as a line.
 * It says only whether the document may be accepted, and knows nothing of positions or messages.
 */
export function mayBeAccepted(text: string): boolean {
  let p: unknown;
  try {
    p = parse(text, { version: '1.2', maxAliasCount: 1_000_000, logLevel: 'silent' });
  } catch {
    return false;
  }
  try {
    return isPolicy(p);
  } catch {
    return false;
  }
}

// biome-ignore lint/suspicious/noExplicitAny: naive on purpose; whatever is not of the expected shape throws, and is refused
type Loose = any;

function isPolicy(p: Loose): boolean {
  const top = [
    'version',
    'cloud',
    'regions',
    'datacenters',
    'routes',
    'unknown',
    'conflict',
    'closed',
    'expires',
  ];
  if (!keysWithin(p, top)) return false;
  if (!Number.isInteger(p.version) || p.version < 1) return false;
  if (typeof p.cloud !== 'string' || p.cloud === '') return false;
  const regions = Object.keys(p.regions);
  const datacenters = Object.keys(p.datacenters);
  if (regions.length === 0) return false;
  const countries: string[] = [];
  for (const name of regions) {
    const region = p.regions[name];
    if (!keysWithin(region, ['countries', 'admits', 'confined'])) return false;
    if (!Array.isArray(region.countries)) return false;
    countries.push(...region.countries);
    if (region.admits !== 'any') {
      if (!Array.isArray(region.admits) || !region.admits.includes(name)) return false;
      if (!region.admits.every((r: string) => regions.includes(r))) return false;
    }
    if (![undefined, true, false].includes(region.confined)) return false;
  }
  if (new Set(countries).size !== countries.length) return false;
  // A country has a name in English that is not its code; codes that have none are not assigned.
  const names = new Intl.DisplayNames(['en'], { type: 'region', fallback: 'none' });
  if (!countries.every((c) => /^[A-Z]{2}$/.test(c) && names.of(c) !== undefined)) return false;
  const urls: string[] = [];
  for (const name of datacenters) {
    const site = p.datacenters[name];
    if (!keysWithin(site, ['region', 'url', 'weight', 'key', 'media'])) return false;
    if (!regions.includes(site.region)) return false;
    const url = new URL(site.url);
    const loopback =
      ['localhost', '[::1]'].includes(url.hostname) || /^127\.|\.localhost$/.test(url.hostname);
    if (url.protocol !== 'wss:' && !(url.protocol === 'ws:' && loopback)) return false;
    urls.push(url.href);
    if (site.weight !== undefined && !(site.weight > 0)) return false;
  }
  if (new Set(urls).size !== urls.length) return false;
  for (const [client, route] of Object.entries<Loose>(p.routes)) {
    if (!keysWithin(route, ['primaries', 'secondaries'])) return false;
    const all = [...route.primaries, ...(route.secondaries ?? [])];
    if (!regions.includes(client) || route.primaries.length === 0) return false;
    if (new Set(all).size !== all.length || !all.every((d) => datacenters.includes(d))) return false;
  }
  if (![undefined, 'refuse', ...regions].includes(p.unknown)) return false;
  if (![undefined, 'both', 'refuse'].includes(p.conflict)) return false;
  if (!(p.closed ?? []).every((d: string) => datacenters.includes(d))) return false;
  return p.expires === undefined || !Number.isNaN(Date.parse(p.expires));
}

function keysWithin(map: Loose, keys: readonly string[]): boolean {
  return typeof map === 'object' && map !== null && Object.keys(map).every((k) => keys.includes(k));
}
