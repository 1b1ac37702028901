import type { Evidence } from '../geo/locator.ts';
import type { MediaGate } from '../media/types.ts';
import { allowedForLabel, explainAllowed } from '../policy/allowed.ts';
import type { CompiledPolicy } from '../policy/compile.ts';
import { widenEvidence } from '../policy/label.ts';
import type { Label } from '../policy/model.ts';
import { type ErrorCode, WatershedError } from '../protocol/errors.ts';
import type { Decision, DecisionRecorder, DecisionStep } from './decision.ts';
import { evidenceOf, RefusedError, ruleOf } from './refused.ts';

export interface GateDeps {
  /** This node's own datacenter. */
  readonly datacenter: string;
  readonly policy: () => CompiledPolicy | null;
  readonly locator: { locate(address: string): Evidence };
  readonly decisions: DecisionRecorder;
}

/** A room, and the labels of its peers as they are now. */
export interface RoomLabels {
  readonly roomId: string;
  /** Undefined for a peer that is gone, which forbids. */
  label(peerId: string): Label | undefined;
  /** The wider label of a peer that may stay. */
  onLabel(peerId: string, label: Label): void;
}

/**
 * The isolation checks of one room's media. Nothing is remembered: every call reads the policy and the labels of
 * this moment, so that neither a stub at the door nor a switch of policy after it opens anything here. Forbidding
 * is throwing: `region_not_admitted`, `address_refused`, `address_unknown`, `region_conflict`, `policy_missing`,
 * or `not_found` for a peer that is gone.
 */
export function createGate(deps: GateDeps, room: RoomLabels): MediaGate {
  const { datacenter, locator, decisions } = deps;

  /** Runs a check, and records what became of it. */
  const judge = (
    step: DecisionStep,
    peerId: string,
    check: (p: CompiledPolicy, label: Label) => void,
    pipe?: Decision['pipe'],
  ): void => {
    const p = deps.policy();
    const label = room.label(peerId);
    const record = (kind: 'admit' | 'refuse', code: string, rule: string): void =>
      decisions.record({
        step,
        kind,
        code,
        rule,
        policy: p?.digest ?? '',
        home: label?.home ?? null,
        evidence: label?.evidence ?? [],
        regions: label?.regions ?? null,
        here: datacenter,
        listed: [],
        room: room.roomId,
        jti: null,
        ...(pipe && { pipe }),
      });
    try {
      if (p === null) throw new WatershedError('policy_missing');
      if (label === undefined) throw new WatershedError('not_found', 'the peer is gone');
      check(p, label);
    } catch (error) {
      record('refuse', error instanceof WatershedError ? error.code : 'internal', ruleOf(error));
      throw error;
    }
    record('admit', 'admitted', 'admits');
  };

  const assertAllowed = (
    p: CompiledPolicy,
    label: Label,
    code: ErrorCode,
    there: string = datacenter,
  ): void => {
    if (allowedForLabel(p, label, there)) return;
    const { rule, message } = explainAllowed(p, label, there);
    throw new RefusedError(code, rule, message);
  };
  const here = (p: CompiledPolicy, label: Label) => assertAllowed(p, label, 'region_not_admitted');

  return {
    assertTransport: (peerId) => judge('transport', peerId, here),
    assertProduce: (peerId) => judge('produce', peerId, here),
    assertConsume: (producerPeerId, consumerPeerId) => {
      // The producer's label is what keeps its media out of here; the consumer is processed here too.
      judge('consume', producerPeerId, here);
      judge('consume', consumerPeerId, here);
    },
    assertPipe: (producerPeerId, there) =>
      judge('pipe', producerPeerId, (p, label) => assertAllowed(p, label, 'region_not_admitted', there), {
        direction: 'out',
        datacenter: there,
      }),
    assertAddress: (peerId, remoteAddress) => {
      let widened: Label | undefined;
      judge('address', peerId, (p, label) => {
        const result = widenEvidence(p, label, evidenceOf(locator.locate(remoteAddress)));
        if (!result.ok) throw new RefusedError(result.code, result.rule, result.message);
        assertAllowed(p, result.label, 'address_refused');
        if (result.label !== label) widened = result.label;
      });
      if (widened !== undefined) room.onLabel(peerId, widened);
    },
  };
}
