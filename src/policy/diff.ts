import { type CompiledPolicy, compilePolicy } from './compile.ts';
import { digestOf } from './digest.ts';
import type { Datacenter, Policy } from './model.ts';
import { type Family, type Row, reachOf, type Way } from './reach.ts';

/** New or lost reach of one client to some datacenters, by the same ways. */
export interface ReachChange {
  readonly family: Family;
  /** A client region, a country, or one of the markers of reach.ts. */
  readonly who: string;
  readonly datacenters: readonly string[];
  readonly ways: readonly Way[];
}

/** A datacenter of the same name that is no longer the same: everything that reaches it is new reach. */
export interface IdentityChange {
  readonly datacenter: string;
  readonly part: 'region' | 'url' | 'media' | 'key';
  readonly from: string;
  readonly to: string;
}

export interface PolicyDiff {
  /** Reach(new) is not within Reach(old). */
  readonly widens: boolean;
  readonly gained: readonly ReachChange[];
  readonly lost: readonly ReachChange[];
  readonly identities: readonly IdentityChange[];
  /** What changed and widens nothing: order, primary and secondary, weights, expiry, version. */
  readonly notes: readonly string[];
}

/** Compares what two policies of one cloud let processed where. */
export function diffPolicies(before: Policy, after: Policy): PolicyDiff {
  const [a, b] = [compilePolicy(before), compilePolicy(after)];
  const countries = new Set([...a.regionOfCountry.keys(), ...b.regionOfCountry.keys()]);
  const oldRows = rowsByKey(reachOf(a, countries));
  const newRows = rowsByKey(reachOf(b, countries));
  const same = sameIdentity(a, b);
  const gained = changes(newRows, oldRows, b.datacenterNames, same);
  return {
    widens: gained.length > 0,
    gained,
    lost: changes(oldRows, newRows, a.datacenterNames, same),
    identities: identityChanges(before, after),
    notes: notesOf(before, after),
  };
}

/** Rows of `rows` that `base` does not have, datacenter by datacenter. */
function changes(
  rows: ReadonlyMap<string, Row>,
  base: ReadonlyMap<string, Row>,
  datacenters: readonly string[],
  same: ReadonlySet<string>,
): ReachChange[] {
  const found: ReachChange[] = [];
  for (const [key, row] of rows) {
    const other = base.get(key);
    const byWays = new Map<readonly Way[], string[]>();
    for (const datacenter of datacenters) {
      const ways = row.ways(datacenter);
      if (ways.length === 0) continue;
      if (other !== undefined && same.has(datacenter) && other.ways(datacenter).length > 0) continue;
      const list = byWays.get(ways);
      if (list === undefined) byWays.set(ways, [datacenter]);
      else list.push(datacenter);
    }
    for (const [ways, list] of byWays)
      found.push({ family: row.family, who: row.who, datacenters: list, ways });
  }
  return withoutEcho(found);
}

/** `evidence` repeats `address` for a country that is in a region: it is told only where it says more. */
function withoutEcho(found: readonly ReachChange[]): ReachChange[] {
  const told = new Set(
    found.filter((c) => c.family === 'address').flatMap((c) => c.datacenters.map((d) => `${c.who} ${d}`)),
  );
  return found.flatMap((change) => {
    if (change.family !== 'evidence') return [change];
    const datacenters = change.datacenters.filter((d) => !told.has(`${change.who} ${d}`));
    return datacenters.length === 0 ? [] : [{ ...change, datacenters }];
  });
}

function rowsByKey(rows: readonly Row[]): Map<string, Row> {
  return new Map(rows.map((row) => [`${row.family} ${row.who}`, row]));
}

/** Names of datacenters that are in both policies and are the same in every part of their identity. */
function sameIdentity(a: CompiledPolicy, b: CompiledPolicy): Set<string> {
  return new Set(
    a.datacenterNames.filter((name) => {
      const [x, y] = [a.policy.datacenters.get(name), b.policy.datacenters.get(name)];
      return x !== undefined && y !== undefined && partsOf(x).every(([, v], i) => v === partsOf(y)[i]?.[1]);
    }),
  );
}

/** id d without the name: region, URL, media prefixes, enrolment key. */
function partsOf(d: Datacenter): [IdentityChange['part'], string][] {
  return [
    ['region', d.region],
    ['url', d.url],
    ['media', [...d.media].sort().join(' ')],
    ['key', d.key ?? ''],
  ];
}

function identityChanges(before: Policy, after: Policy): IdentityChange[] {
  return [...before.datacenters.values()].flatMap((old) => {
    const now = after.datacenters.get(old.name);
    if (now === undefined) return [];
    const parts = partsOf(now);
    return partsOf(old).flatMap(([part, from], i) => {
      const to = parts[i]?.[1] ?? '';
      return from === to ? [] : [{ datacenter: old.name, part, from: from || 'none', to: to || 'none' }];
    });
  });
}

function notesOf(before: Policy, after: Policy): string[] {
  const notes: string[] = [];
  const changed = (what: string, from: string, to: string) => {
    if (from !== to) notes.push(`${what}: ${from} → ${to}`);
  };
  if (after.version <= before.version && digestOf(after) !== digestOf(before)) {
    notes.push(
      `version ${after.version} is not above ${before.version}: nodes that run ${before.version} refuse it`,
    );
  }
  for (const [name, old] of before.routes) {
    const now = after.routes.get(name);
    for (const list of ['primaries', 'secondaries'] as const) {
      changed(`${list} of ${name}`, `[${old[list].join(', ')}]`, `[${now?.[list].join(', ') ?? ''}]`);
    }
  }
  for (const [name, now] of after.routes) {
    if (!before.routes.has(name)) {
      notes.push(
        `route of ${name}: primaries [${now.primaries.join(', ')}], secondaries [${now.secondaries.join(', ')}]`,
      );
    }
  }
  for (const [name, old] of before.datacenters) {
    changed(`weight of ${name}`, `${old.weight}`, `${after.datacenters.get(name)?.weight ?? old.weight}`);
  }
  changed('unknown', before.unknown ?? 'refuse', after.unknown ?? 'refuse');
  changed('conflict', before.conflict, after.conflict);
  changed('closed', `[${before.closed.join(', ')}]`, `[${after.closed.join(', ')}]`);
  changed('expires', instant(before.expires), instant(after.expires));
  return notes;
}

function instant(time: number | null): string {
  return time === null ? 'never' : new Date(time).toISOString();
}
