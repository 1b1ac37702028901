/**
 * A second model of the policy, written from the specification alone and as naively as possible: sets of pairs and
 * a search of every state. It shares no code with what it judges, only the shape of the data.
 */
import type { Label, Policy } from '../model.ts';

export function regionOf(p: Policy, d: string): string | undefined {
  return p.datacenters.get(d)?.region;
}

/** F(c) = {d | c ∈ admits(region d) ∧ (confined c ⇒ region d = c)} */
export function F(p: Policy, c: string): Set<string> {
  const result = new Set<string>();
  for (const name of p.regions.keys()) {
    if (name !== c) continue;
    for (const d of p.datacenters.keys()) {
      const site = [...p.regions.values()].find((r) => r.name === regionOf(p, d));
      if (!site) continue;
      const admitted = site.admits === 'any' ? true : site.admits.some((a) => a === c);
      const mayLeave = p.regions.get(c)?.confined !== true;
      if (admitted && (mayLeave || site.name === c)) result.add(d);
    }
  }
  return result;
}

/** A(c) = F(c) \ closed */
export function A(p: Policy, c: string): Set<string> {
  const result = F(p, c);
  for (const d of p.closed) result.delete(d);
  return result;
}

/** A(L) = {d | region d ∈ N} ∩ ⋂ over c ∈ C of A(c), where home is of C. */
export function AL(p: Policy, label: Label): Set<string> {
  let result = A(p, label.home);
  for (const c of label.evidence) {
    const other = A(p, c);
    result = new Set([...result].filter((d) => other.has(d)));
  }
  const { regions } = label;
  if (regions === null) return result;
  return new Set([...result].filter((d) => regions.some((r) => r === regionOf(p, d))));
}

export function P(p: Policy, c: string): readonly string[] {
  return p.routes.get(c)?.primaries ?? [];
}

export function S(p: Policy, c: string): readonly string[] {
  return p.routes.get(c)?.secondaries ?? [];
}

function subsets(of: readonly string[]): string[][] {
  const all: string[][] = [[]];
  for (const d of of) all.push(...all.map((s) => [...s, d]));
  return all;
}

/** Every list a client of c may be given: the primaries, then any two or fewer secondaries in any order. */
export function draws(p: Policy, c: string): string[][] {
  const secondaries = S(p, c);
  const tails: string[][] = [[]];
  for (const a of secondaries) {
    tails.push([a]);
    for (const b of secondaries) if (a !== b) tails.push([a, b]);
  }
  return tails.map((tail) => [...P(p, c), ...tail]);
}

/**
 * T1's state space, searched: which datacenters clients of c try in any schedule. A state is the set of
 * datacenters that are down and the rest of the client's list.
 */
export function tried(p: Policy, c: string): Set<string> {
  const all = [...p.datacenters.keys()];
  const found = new Set<string>();
  const seen = new Set<string>();
  const queue: { down: string[]; list: string[] }[] = subsets(all).map((down) => ({ down, list: [] }));
  for (let state = queue.pop(); state !== undefined; state = queue.pop()) {
    const { down, list } = state;
    const key = `${[...down].sort().join()}|${list.join()}`;
    if (seen.has(key)) continue;
    seen.add(key);
    // Any datacenter fails or recovers.
    for (const d of all) {
      queue.push({ down: down.includes(d) ? down.filter((x) => x !== d) : [...down, d], list });
    }
    // A draw, at the start or by a redirect.
    for (const drawn of draws(p, c)) queue.push({ down, list: drawn });
    // The next one that is up.
    const next = list.findIndex((d) => !down.includes(d));
    const target = list[next];
    if (target !== undefined) {
      found.add(target);
      queue.push({ down, list: list.slice(next + 1) });
    }
  }
  return found;
}

/** T1 by search. */
export function holds(p: Policy): boolean {
  return [...p.routes.keys()].every((c) => [...tried(p, c)].every((d) => F(p, c).has(d)));
}

function id(p: Policy, d: string): string {
  const site = p.datacenters.get(d);
  return JSON.stringify([d, site?.region, site?.url, [...(site?.media ?? [])].sort(), site?.key]);
}

/**
 * Reach(p) as a set of triples, with the row of `unknown`, and with what an address does not forbid: a country
 * in no region forbids nothing under `both` and everything under `refuse`.
 */
export function reach(p: Policy, countries: readonly string[]): Set<string> {
  const result = new Set<string>();
  const add = (family: string, who: string, d: string) => result.add(`${family} ${who} ${id(p, d)}`);
  const rows: [string, string][] = [...p.regions.keys()].map((c) => [`region ${c}`, c]);
  if (p.unknown !== null) rows.push(['no claim', p.unknown]);
  for (const [who, c] of rows) {
    for (const d of A(p, c)) {
      add('fence', who, d);
      if ([...P(p, c), ...S(p, c)].includes(d)) add('seat', who, d);
    }
  }
  for (const k of [...countries, 'nowhere']) {
    const region = [...p.regions.values()].find((r) => r.countries.includes(k));
    if (region) {
      for (const d of A(p, region.name)) {
        add('address', k, d);
        add('evidence', k, d);
      }
    } else if (p.conflict === 'both') {
      for (const d of p.datacenters.keys()) if (!p.closed.includes(d)) add('evidence', k, d);
    }
  }
  return result;
}
