import type { CompiledPolicy } from './compile.ts';
import { type FenceRule, judge, tell } from './fence.ts';
import type { Label, Path } from './model.ts';

/**
 * The one predicate, A(c): whether datacenter `datacenter` may process what clients of region `client` send.
 * Pure and total; names that the policy does not define are never allowed. Everything calls it, or its form for
 * labels below; both read the same cell of the same table.
 */
export function allowed(p: CompiledPolicy, client: string, datacenter: string): boolean {
  const c = p.regionNumber.get(client);
  const d = p.datacenterNumber.get(datacenter);
  return c !== undefined && d !== undefined && cell(p, c, d);
}

/** A(L): allowed for the home and for every region of evidence, and in a region that narrowing left. */
export function allowedForLabel(p: CompiledPolicy, label: Label, datacenter: string): boolean {
  const d = p.datacenterNumber.get(datacenter);
  return d !== undefined && allowedByNumber(p, label)(d);
}

/** A(L) for many questions about one label: of the number of a datacenter, its index in `datacenterNames`. */
export function allowedByNumber(p: CompiledPolicy, label: Label): (datacenter: number) => boolean {
  const clients: number[] = [];
  for (const name of [label.home, ...label.evidence]) {
    const c = p.regionNumber.get(name);
    if (c === undefined) return () => false;
    if (!clients.includes(c)) clients.push(c);
  }
  const left = label.regions && new Set(label.regions.map((region) => p.regionNumber.get(region)));
  return (d) => clients.every((c) => cell(p, c, d)) && (left === null || left.has(p.regionOf[d]));
}

function cell(p: CompiledPolicy, client: number, datacenter: number): boolean {
  return p.table[client * p.datacenterNames.length + datacenter] === 1;
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
  if (!allowedForLabel(p, label, datacenter)) {
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
  const question = c * p.datacenterNames.length + d;
  let explanation = told.get(question);
  if (explanation === undefined) {
    explanation = Object.freeze(toldAfresh(p, client, datacenter));
    told.set(question, explanation);
  }
  return explanation;
}

function toldAfresh(p: CompiledPolicy, client: string, datacenter: string): Explanation {
  const judgement = judge(p.policy, client, datacenter);
  return { ...judgement, client, ...tell(p.policy, client, datacenter, judgement) };
}
