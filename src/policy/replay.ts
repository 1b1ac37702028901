import { decide } from './admission.ts';
import { allowedForLabel } from './allowed.ts';
import type { CompiledPolicy } from './compile.ts';
import type { Label } from './model.ts';

/** What replay needs of a decision record; the names are the record's own. */
export interface RecordedDecision {
  readonly step: string;
  readonly kind: 'admit' | 'redirect' | 'refuse' | 'list';
  readonly code: string;
  readonly rule: string;
  readonly here: string;
  /** Null where the session got no label. */
  readonly home: string | null;
  readonly evidence: readonly string[];
  readonly regions: readonly string[] | null;
  /** Milliseconds since the epoch; null where the record has no time. */
  readonly at: number | null;
}

export type ReplayKind = 'admit' | 'redirect' | 'refuse';

/** A recorded decision that the draft would have taken otherwise. */
export interface Flip {
  /** Index among the records given. */
  readonly index: number;
  readonly from: ReplayKind;
  readonly to: ReplayKind;
  readonly code: string;
  /**
   * The draft admits, or sends somewhere, what was refused; or admits here what was sent away. `possibly` where
   * the record has no label and the draft no longer refuses every such session.
   */
  readonly opens: 'no' | 'yes' | 'possibly';
}

export interface Replay {
  readonly judged: number;
  /** Records of refusals that no policy decides: tokens, limits, failures. */
  readonly skipped: number;
  readonly flips: readonly Flip[];
}

/** Steps at which media is judged: there is no redirect, only the fence. */
const MEDIA_STEPS = new Set(['transport', 'produce', 'consume', 'address']);
/** Steps that `expires` ends: the others are of sessions that go on. */
const NEW_STEPS = new Set(['directory', 'upgrade', 'join']);
/** Refusals that come from policy and label, and no others. */
const POLICY_CODES = new Set([
  'region_unknown',
  'region_conflict',
  'region_refused',
  'region_not_admitted',
  'narrowing_empty',
  'address_unknown',
  'address_refused',
  'policy_expired',
  'no_datacenter_up',
]);

/**
 * Runs recorded decisions through a draft policy, with every datacenter up: who was up is not recorded, and a
 * draft should not look safer because something was down that day.
 */
export function replay(draft: CompiledPolicy, records: readonly RecordedDecision[]): Replay {
  const flips: Flip[] = [];
  let judged = 0;
  for (const [index, record] of records.entries()) {
    const from = record.kind === 'list' ? 'redirect' : record.kind;
    if (from === 'refuse' && !POLICY_CODES.has(record.code)) continue;
    judged++;
    const again = record.home === null ? unlabelled(draft, record) : labelled(draft, record, record.home);
    if (again.to === from) continue;
    const opens = rank(again.to) > rank(from) ? (again.sure ? 'yes' : 'possibly') : 'no';
    // Everything is up in the replay, so a place found for someone who met a full house says nothing of the draft.
    if (record.code === 'no_datacenter_up' && again.to === 'redirect') continue;
    flips.push({ index, from, to: again.to, code: again.code, opens });
  }
  return { judged, skipped: records.length - judged, flips };
}

interface Again {
  readonly to: ReplayKind;
  readonly code: string;
  readonly sure: boolean;
}

function labelled(draft: CompiledPolicy, record: RecordedDecision, home: string): Again {
  const label: Label = { home, evidence: record.evidence, regions: record.regions };
  if (MEDIA_STEPS.has(record.step)) {
    return allowedForLabel(draft, label, record.here)
      ? { to: 'admit', code: 'admitted', sure: true }
      : { to: 'refuse', code: 'region_not_admitted', sure: true };
  }
  // A directory question is about everywhere else: no datacenter is `here`.
  const here = record.step === 'directory' ? '' : record.here;
  const now = (NEW_STEPS.has(record.step) ? record.at : null) ?? Number.NEGATIVE_INFINITY;
  const { kind, code } = decide(draft, label, here, () => true, { jti: '', now });
  return { to: kind, code, sure: true };
}

/** Of a session that got no label only the reason is known: does it still hold for every such session? */
function unlabelled(draft: CompiledPolicy, record: RecordedDecision): Again {
  const { unknown, conflict } = draft.policy;
  if (record.rule === 'unknown' && unknown !== null) {
    const again = labelled(draft, { ...record, evidence: [unknown], regions: null }, unknown);
    return { ...again, sure: false };
  }
  if ((record.rule === 'conflict' || record.rule === 'country') && conflict === 'both') {
    return { to: 'redirect', code: 'region_not_admitted', sure: false };
  }
  return { to: 'refuse', code: record.code, sure: true };
}

function rank(kind: ReplayKind): number {
  return kind === 'admit' ? 2 : kind === 'redirect' ? 1 : 0;
}
