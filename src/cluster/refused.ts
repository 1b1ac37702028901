import type { Evidence } from '../geo/locator.ts';
import type { AddressEvidence } from '../policy/label.ts';
import { type ErrorCode, WatershedError } from '../protocol/errors.ts';

/** A refusal by a rule of the policy, or by what an address may prove. */
export class RefusedError extends WatershedError {
  /** The rule that decided, from a closed set. */
  readonly rule: string;

  constructor(code: ErrorCode, rule: string, detail?: string) {
    super(code, detail);
    this.name = 'RefusedError';
    this.rule = rule;
  }
}

/** The rule that an error names; empty where no rule decided. */
export function ruleOf(error: unknown): string {
  return error instanceof RefusedError ? error.rule : '';
}

/** Throws where nothing may be concluded from the address: such a session is served nowhere. */
export function evidenceOf(evidence: Evidence): AddressEvidence {
  if (evidence.kind !== 'refused') return evidence;
  // A database that cannot be read is the node's fault, and may be mended.
  if (evidence.reason === 'database') throw new RefusedError('not_ready', 'address', 'no address database');
  throw new RefusedError('address_unknown', 'address');
}
