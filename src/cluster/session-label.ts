import type { CompiledPolicy } from '../policy/compile.ts';
import {
  type AddressEvidence,
  intersect,
  type LabelResult,
  labelFor,
  widenEvidence,
} from '../policy/label.ts';
import type { Label } from '../policy/model.ts';
import { WatershedError } from '../protocol/errors.ts';
import type { JoinClaims } from '../protocol/token.ts';

/** The label of a new session: what its verified token says, and what its address does. */
export function labelOfClaims(p: CompiledPolicy, claims: JoinClaims, evidence: AddressEvidence): LabelResult {
  return labelFor(p, {
    claim: claims.region ?? null,
    evidence,
    narrowing: claims.regions ?? null,
    except: claims.except ?? null,
  });
}

/**
 * The label of a session that goes on, with the address of now and, at a refresh, with what the fresh token
 * says: the home stays, evidence grows, narrowing shrinks.
 */
export function labelAgain(
  p: CompiledPolicy,
  label: Label,
  fresh: JoinClaims | null,
  evidence: AddressEvidence,
): LabelResult {
  const widened = widenEvidence(p, label, evidence);
  if (fresh === null || !widened.ok) return widened;
  const anew = labelOfClaims(p, fresh, evidence);
  if (!anew.ok) return anew;
  if (anew.label.home !== label.home && p.policy.conflict === 'refuse') {
    const message = `the session's region is ${label.home}, and the fresh token's is ${anew.label.home}`;
    return { ok: false, code: 'region_conflict', rule: 'conflict', message };
  }
  return {
    ok: true,
    label: {
      home: label.home,
      evidence: [...new Set([...widened.label.evidence, ...anew.label.evidence])].sort(),
      regions: intersect(label.regions, anew.label.regions),
    },
  };
}

/**
 * A fresh token continues a session only for the same room and participant, and from the same issuer: what `sub`
 * means is the issuer's own. Throws `token_mismatch`.
 */
export function assertSameParticipant(before: JoinClaims, fresh: JoinClaims): void {
  if (before.iss !== fresh.iss) throw new WatershedError('token_mismatch', 'another issuer');
  if (before.room !== fresh.room) throw new WatershedError('token_mismatch', 'another room');
  if (before.sub !== fresh.sub) throw new WatershedError('token_mismatch', 'another participant');
}
