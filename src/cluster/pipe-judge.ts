import { overlap, parsePrefix } from '../policy/address.ts';
import { allowedForLabel, explainAllowed } from '../policy/allowed.ts';
import type { CompiledPolicy } from '../policy/compile.ts';
import type { Label } from '../policy/model.ts';
import { WatershedError } from '../protocol/errors.ts';
import type { DecisionRecorder } from './decision.ts';
import { RefusedError, ruleOf } from './refused.ts';

export interface PipeQuestion {
  readonly direction: 'out' | 'in';
  readonly room: string;
  /** Undefined for a peer that is gone, which forbids. */
  readonly label: Label | undefined;
  /** The node at the other end, as its certificate says. */
  readonly node: string;
  readonly datacenter: string;
  /** Its end's address, where it is known. */
  readonly ip?: string;
  /** Digest of the policy that the other node says it runs; empty where it has not said. */
  readonly farPolicy: string;
  readonly nonce: string;
}

export interface PipeJudgeDeps {
  /** This node's own. */
  readonly datacenter: string;
  /** By which what goes on is judged. */
  readonly policy: () => CompiledPolicy | null;
  /** By which anything new is; null where nothing may be piped that is not yet. */
  readonly current: () => CompiledPolicy | null;
  readonly decisions: DecisionRecorder;
}

/**
 * Decides whether a peer's media may go to, or come from, another node, by the policy of this moment, and records
 * it. Answers the policy's digest; throws `region_not_admitted`, `policy_missing`, `not_ready` while a node is behind
 * its policy, `not_found` for a peer that is gone, or `address_refused` where the other end is not at an address of
 * its datacenter. What only confirms an earlier admission (`again`) is judged by the policy that runs, and its
 * admission is not recorded a second time.
 */
export function judgePipe(deps: PipeJudgeDeps, question: PipeQuestion, again = false): string {
  const { direction, label, node, datacenter, farPolicy, nonce } = question;
  const p = again ? deps.policy() : deps.current();
  const record = (kind: 'admit' | 'refuse', code: string, rule: string): void =>
    deps.decisions.record({
      step: 'pipe',
      kind,
      code,
      rule,
      policy: p?.digest ?? '',
      home: label?.home ?? null,
      evidence: label?.evidence ?? [],
      regions: label?.regions ?? null,
      here: deps.datacenter,
      listed: [],
      room: question.room,
      jti: null,
      pipe: { direction, datacenter, node, farPolicy, nonce },
    });
  try {
    if (p === null) throw withoutPolicy(deps);
    if (label === undefined) throw new WatershedError('not_found', 'the peer is gone');
    // Where it would be processed next.
    const where = direction === 'out' ? datacenter : deps.datacenter;
    if (!allowedForLabel(p, label, where)) {
      const { rule, message } = explainAllowed(p, label, where);
      throw new RefusedError('region_not_admitted', rule, message);
    }
    if (question.ip !== undefined && !standsIn(p, datacenter, question.ip)) {
      throw new RefusedError('address_refused', 'media', `not an address of ${datacenter}`);
    }
    if (!again) record('admit', 'admitted', 'admits');
    return p.digest;
  } catch (error) {
    record('refuse', error instanceof WatershedError ? error.code : 'internal', ruleOf(error));
    throw error;
  }
}

/** Why nothing new may be piped. */
export function withoutPolicy({ policy }: Pick<PipeJudgeDeps, 'policy'>): WatershedError {
  return policy() === null
    ? new WatershedError('policy_missing')
    : new WatershedError('not_ready', 'a newer policy is signed');
}

/** Whether an address is one of a datacenter's, where the policy says which those are. */
function standsIn(p: CompiledPolicy, datacenter: string, ip: string): boolean {
  const site = p.policy.datacenters.get(datacenter);
  const address = parsePrefix(ip);
  if (site === undefined || address === null) return false;
  if (site.media.length === 0) return true;
  return site.media.some((text) => {
    const prefix = parsePrefix(text);
    return prefix !== null && overlap(address, prefix);
  });
}
