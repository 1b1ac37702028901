import type { CompiledPolicy } from './compile.ts';
import { type FenceRule, judge, tell } from './fence.ts';
import type { Label, Path } from './model.ts';

/**
 * The one predicate, A(c): whether datacenter `datacenter` may process what clients of region `client` send.
 * Pure and total; names that the policy does not define are never allowed. Everything calls it.
 */
export function allowed(p: CompiledPolicy, client: string, datacenter: string): boolean {
  const c = p.regionNumber.get(client);
  if (c === undefined) return false;
  const d = p.datacenterNumber.get(datacenter);
  if (d === undefined) return false;
  return p.table[c * p.datacenterNames.length + d] === 1;
}

/** A(L): allowed for the home and for every region of evidence, and in a region that narrowing left. */
export function allowedForLabel(p: CompiledPolicy, label: Label, datacenter: string): boolean {
  if (!allowed(p, label.home, datacenter)) return false;
  for (const region of label.evidence) if (!allowed(p, region, datacenter)) return false;
  return withinNarrowing(p, label, datacenter);
}

/** A(L) for many questions about one label: as `allowedForLabel`, of the number of a datacenter. */
export function allowedByNumber(p: CompiledPolicy, label: Label): (datacenter: number) => boolean {
  const { table, regionOf } = p;
  const home = p.regionNumber.get(label.home);
  if (home === undefined) return () => false;
  const rows = [home * p.datacenterNames.length];
  for (const client of label.evidence) {
    const c: number | undefined = client === label.home ? home : p.regionNumber.get(client);
    if (c === undefined) return () => false;
    if (c !== home) rows.push(c * p.datacenterNames.length);
  }
  const left = label.regions && new Set(label.regions.map((region) => p.regionNumber.get(region)));
  return (d) => {
    for (let i = 0; i < rows.length; i++) if (table[(rows[i] ?? 0) + d] !== 1) return false;
    return left === null || left.has(regionOf[d]);
  };
}

/** A(L) as names, in the order of the document. */
export function allowedSet(p: CompiledPolicy, label: Label): string[] {
  const may = allowedByNumber(p, label);
  return p.datacenterNames.filter((_, d) => may(d));
}

/** What decided a question about one datacenter; a closed set. */
export type AllowedRule = FenceRule | 'narrowing';

export interface Explanation {
  readonly allowed: boolean;
  readonly rule: AllowedRule;
  /** The client region that the rule spoke about: of a label, the first one that forbids. */
  readonly client: string;
  readonly message: string;
  /** Where the rule stands in the document; empty for narrowing, which tokens bring. */
  readonly path: Path;
}

/** Why a datacenter is allowed, or not, for a client region or a label. Agrees with the predicate always. */
export function explainAllowed(p: CompiledPolicy, who: string | Label, datacenter: string): Explanation {
  const label: Label = typeof who === 'string' ? { home: who, evidence: [], regions: null } : who;
  for (const client of [label.home, ...label.evidence]) {
    if (!allowed(p, client, datacenter)) return explainRegion(p, client, datacenter);
  }
  if (!withinNarrowing(p, label, datacenter)) {
    const region = p.policy.datacenters.get(datacenter)?.region ?? '';
    const message = `${datacenter} is in ${region}, and the account's choice leaves only [${label.regions?.join(', ')}]`;
    return { allowed: false, rule: 'narrowing', client: label.home, message, path: [] };
  }
  return explainRegion(p, label.home, datacenter);
}

/** Sentences already told, by region and datacenter: at most as many as the table has cells. */
const TOLD = new WeakMap<CompiledPolicy, Map<number, Explanation>>();

function explainRegion(p: CompiledPolicy, client: string, datacenter: string): Explanation {
  const c = p.regionNumber.get(client);
  const d = p.datacenterNumber.get(datacenter);
  if (c === undefined || d === undefined) return toldAfresh(p, client, datacenter);
  let told = TOLD.get(p);
  if (told === undefined) {
    told = new Map();
    TOLD.set(p, told);
  }
  const cell = c * p.datacenterNames.length + d;
  let explanation = told.get(cell);
  if (explanation === undefined) {
    explanation = Object.freeze(toldAfresh(p, client, datacenter));
    told.set(cell, explanation);
  }
  return explanation;
}

function toldAfresh(p: CompiledPolicy, client: string, datacenter: string): Explanation {
  const judgement = judge(p.policy, client, datacenter);
  return { ...judgement, client, ...tell(p.policy, client, datacenter, judgement) };
}

function withinNarrowing(p: CompiledPolicy, label: Label, datacenter: string): boolean {
  if (label.regions === null) return true;
  const region = p.policy.datacenters.get(datacenter)?.region;
  return region !== undefined && label.regions.includes(region);
}
