import type { CompiledPolicy } from './compile.ts';
import type { Label } from './model.ts';
import type { Refusal } from './refusal.ts';

/** What the address of a session says, as geo found it. */
export type AddressEvidence =
  /** A country code, upper case; null when the database knows none for the address. */
  | { readonly kind: 'country'; readonly country: string | null }
  /** A private or loopback address where that gives no evidence, or no database is configured. */
  | { readonly kind: 'none' };

export type LabelResult = { readonly ok: true; readonly label: Label } | Refusal;

export interface LabelQuestion {
  /** The verified token's region claim; null when it has none. */
  readonly claim: string | null;
  readonly evidence: AddressEvidence;
  /** The token's `regions` (the account's choice); null for all. */
  readonly narrowing: readonly string[] | null;
  /** The token's `except`: regions left out. */
  readonly except?: readonly string[] | null;
}

/** The label of a new session, or why there is none. An address alone never selects a region. */
export function labelFor(p: CompiledPolicy, question: LabelQuestion): LabelResult {
  const { claim } = question;
  const home = claim ?? p.policy.unknown;
  if (home === null) {
    return refuse(
      'region_unknown',
      'unknown',
      'no verified region claim, and the policy refuses sessions without one',
    );
  }
  if (!p.regionNumber.has(home)) {
    return refuse('region_unknown', 'unknown-region', `the policy defines no region "${home}"`);
  }
  const regions = narrowed(p, question.narrowing, question.except ?? null);
  if (!regions.ok) return regions;
  const start: Label = { home, evidence: [home], regions: regions.regions };
  return addEvidence(p, start, question.evidence, claim !== null);
}

/**
 * The label after a later address: a resume, or a selected ICE tuple. Evidence only grows. Under
 * `conflict: refuse`, an address that brings a region not yet in the label is refused.
 */
export function widenEvidence(p: CompiledPolicy, label: Label, evidence: AddressEvidence): LabelResult {
  return addEvidence(p, label, evidence, true);
}

/** The label with N intersected with `regions` (null leaves it as it is). N only shrinks. */
export function narrow(label: Label, regions: readonly string[] | null): Label {
  return { ...label, regions: intersect(label.regions, regions) };
}

/** Intersection where null stands for all. */
export function intersect(
  a: readonly string[] | null,
  b: readonly string[] | null,
): readonly string[] | null {
  if (a === null || b === null) return a ?? b;
  const kept = new Set(b);
  return a.filter((region) => kept.has(region));
}

function addEvidence(
  p: CompiledPolicy,
  label: Label,
  evidence: AddressEvidence,
  mustAgree: boolean,
): LabelResult {
  if (evidence.kind === 'none') return { ok: true, label };
  const region = evidence.country === null ? undefined : p.regionOfCountry.get(evidence.country);
  const strict = p.policy.conflict === 'refuse';
  if (region === undefined) {
    if (!strict) return { ok: true, label };
    const message =
      'the address is in no region of the policy, and the policy refuses what it cannot compare';
    return refuse('address_unknown', 'country', message);
  }
  if (label.evidence.includes(region)) return { ok: true, label };
  if (strict && mustAgree) {
    const message = `the session's region is ${label.home} and its address is in ${region}: the policy refuses that`;
    return refuse('region_conflict', 'conflict', message);
  }
  return { ok: true, label: { ...label, evidence: [...label.evidence, region].sort() } };
}

type Narrowing = { readonly ok: true; readonly regions: readonly string[] | null } | Refusal;

function narrowed(
  p: CompiledPolicy,
  regions: readonly string[] | null,
  except: readonly string[] | null,
): Narrowing {
  if (except === null || except.length === 0) {
    return { ok: true, regions: regions === null ? null : [...new Set(regions)].sort() };
  }
  const undefinedName = except.find((name) => !p.regionNumber.has(name));
  if (undefinedName !== undefined) {
    // Taken literally it would leave out nothing: a misspelt exclusion must not admit.
    return refuse(
      'region_unknown',
      'except',
      `"except" names "${undefinedName}", which the policy does not define`,
    );
  }
  const left = (regions ?? p.regionNames).filter((name) => !except.includes(name));
  return { ok: true, regions: [...new Set(left)].sort() };
}

function refuse(code: Refusal['code'], rule: Refusal['rule'], message: string): Refusal {
  return { ok: false, code, rule, message };
}
