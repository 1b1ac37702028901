import type { CompiledPolicy } from './compile.ts';
import { type FenceRule, judge, tell } from './fence.ts';
import type { Label, Path } from './model.ts';

/**
 * The one predicate, A(c): whether datacenter `datacenter` may process what clients of region `client` send.
 * Pure and total; names that the policy does not define are never allowed. Everything calls it, or its form for
 * labels below; both read the same cell of the same table.
 */
export function allowed(p: CompiledPolicy, client: string, datacenter: string): boolean {
  const d = p.datacenterNumber.get(datacenter);
  return d !== undefined && cell(p, p.regionNumber.get(client), d);
}

/**
 * A(L): allowed for the home and for every region of evidence, and in a region that narrowing left. It makes no
 * object, since every admission and every leg asks.
 */
export function allowedForLabel(p: CompiledPolicy, label: Label, datacenter: string): boolean {
  const d = p.datacenterNumber.get(datacenter);
  if (d === undefined || !cell(p, p.regionNumber.get(label.home), d)) return false;
  for (const region of label.evidence) if (!cell(p, p.regionNumber.get(region), d)) return false;
  return withinNarrowing(p, label, d);
}

/** A(L) for many questions about one label: of the number of a datacenter, its index in `datacenterNames`. */
export function allowedByNumber(p: CompiledPolicy, label: Label): (datacenter: number) => boolean {
  const clients = [p.regionNumber.get(label.home)];
  for (const region of label.evidence) {
    // The address mostly says what the claim does: asked about once.
    if (region !== label.home) clients.push(p.regionNumber.get(region));
  }
  return (d) => {
    for (let i = 0; i < clients.length; i++) if (!cell(p, clients[i], d)) return false;
    return withinNarrowing(p, label, d);
  };
}

/** A region that the policy does not define has no cell, and nothing is allowed for it. */
function cell(p: CompiledPolicy, client: number | undefined, datacenter: number): boolean {
  return client !== undefined && p.table[client * p.datacenterNames.length + datacenter] === 1;
}

function withinNarrowing(p: CompiledPolicy, { regions }: Label, datacenter: number): boolean {
  if (regions === null) return true;
  for (const region of regions) if (p.regionNumber.get(region) === p.regionOf[datacenter]) return true;
  return false;
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
