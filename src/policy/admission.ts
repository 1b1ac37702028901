import { allowed, allowedForLabel, explainAllowed } from './allowed.ts';
import type { CompiledPolicy } from './compile.ts';
import type { Label } from './model.ts';
import type { DecisionRule, PolicyCode } from './refusal.ts';
import { type Live, route, type SeatList } from './routing.ts';

/** What a decision is made of besides policy and label. */
export interface Moment {
  /** The token's id, which the draw of secondaries depends on. */
  readonly jti: string;
  /** Milliseconds since the epoch. */
  readonly now: number;
}

interface Reason {
  readonly rule: DecisionRule;
  /** Digest of the policy that decided. */
  readonly policy: string;
  readonly message: string;
}

/** `admit`, `redirect` or `refuse`: to be switched over exhaustively. */
export type Decision =
  | (Reason & { readonly kind: 'admit'; readonly code: 'admitted'; readonly retry: false })
  | (Reason & {
      readonly kind: 'redirect';
      readonly code: PolicyCode;
      readonly retry: false;
      readonly list: SeatList;
    })
  | (Reason & { readonly kind: 'refuse'; readonly code: PolicyCode; readonly retry: boolean });

/**
 * Whether a session with this label may sit at the node's own datacenter. Admitted when `here` is in A(L) and
 * in the home's route; else redirected to what is, and is alive; else refused. Once the policy has expired,
 * nobody new is admitted or redirected.
 */
export function decide(p: CompiledPolicy, label: Label, here: string, live: Live, moment: Moment): Decision {
  const { expires } = p.policy;
  if (expires !== null && moment.now >= expires) {
    return refuse(p, 'policy_expired', 'expires', 'the policy has expired: nobody new is admitted', true);
  }
  const seated = isSeat(p, label.home, here);
  if (seated && allowedForLabel(p, label, here)) return admitted(p);
  const list = route(p, label, live, moment.jti);
  if (list.primaries.length + list.secondaries.length === 0) return refuseAll(p, label);
  const why = explainAllowed(p, label, here);
  return {
    kind: 'redirect',
    code: 'region_not_admitted',
    rule: why.allowed ? 'route' : why.rule,
    policy: p.digest,
    message: why.allowed ? `${here} is not in the route of ${label.home}` : why.message,
    retry: false,
    list,
  };
}

/** Whether the route of `home` lists the datacenter: a seat is always one of them. */
export function isSeat(p: CompiledPolicy, home: string, datacenter: string): boolean {
  const d = p.datacenterNumber.get(datacenter);
  return d !== undefined && p.routes.get(home)?.seats[d] === 1;
}

/** The refusal of a label that has no live seat anywhere: why, from the widest cause to the narrowest. */
function refuseAll(p: CompiledPolicy, label: Label): Extract<Decision, { kind: 'refuse' }> {
  const { home } = label;
  const listed = p.policy.routes.get(home);
  const seats = listed === undefined ? [] : [...listed.primaries, ...listed.secondaries];
  if (!p.regionNumber.has(home)) {
    return refuse(p, 'region_unknown', 'unknown-region', `the policy defines no region "${home}"`, false);
  }
  if (seats.length === 0) {
    return refuse(p, 'region_refused', 'route', `the policy has no route for region ${home}`, false);
  }
  if (seats.some((d) => allowedForLabel(p, label, d))) {
    const message = `every datacenter that may serve ${home} is down or full`;
    return refuse(p, 'no_datacenter_up', 'live', message, true);
  }
  if (!seats.some((d) => allowed(p, home, d))) {
    const rule = explainAllowed(p, home, seats[0] ?? '').rule;
    return refuse(p, 'region_refused', rule, `the fences leave no datacenter of the route of ${home}`, false);
  }
  if (!seats.some((d) => allowedForLabel(p, { ...label, regions: null }, d))) {
    const message = `no datacenter of the route of ${home} is allowed for all of [${label.evidence.join(', ')}]`;
    return refuse(p, 'region_conflict', 'evidence', message, false);
  }
  const message = `the account's choice of regions leaves no datacenter of the route of ${home}`;
  return refuse(p, 'narrowing_empty', 'narrowing', message, false);
}

/** One decision per policy: the answer to almost every question needs no new object. */
const ADMITTED = new WeakMap<CompiledPolicy, Extract<Decision, { kind: 'admit' }>>();

function admitted(p: CompiledPolicy): Extract<Decision, { kind: 'admit' }> {
  let decision = ADMITTED.get(p);
  if (decision === undefined) {
    decision = Object.freeze({
      kind: 'admit',
      code: 'admitted',
      rule: 'admits',
      policy: p.digest,
      message: 'the fences admit the session here, and its route lists this datacenter',
      retry: false,
    });
    ADMITTED.set(p, decision);
  }
  return decision;
}

function refuse(
  p: CompiledPolicy,
  code: PolicyCode,
  rule: DecisionRule,
  message: string,
  retry: boolean,
): Extract<Decision, { kind: 'refuse' }> {
  return { kind: 'refuse', code, rule, policy: p.digest, message, retry };
}
