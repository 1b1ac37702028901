/**
 * Codes that the policy refuses or redirects with. They stand in the wire protocol's catalogue of errors too,
 * where each has its HTTP status.
 */
export type PolicyCode =
  | 'region_unknown'
  | 'region_conflict'
  | 'region_refused'
  | 'region_not_admitted'
  | 'narrowing_empty'
  | 'address_unknown'
  | 'no_datacenter_up'
  | 'policy_expired'
  | 'room_apart';

/** What decided; a closed set, for receipts and metrics. */
export type DecisionRule =
  | 'admits'
  | 'confined'
  | 'closed'
  | 'narrowing'
  | 'evidence'
  | 'unknown'
  | 'unknown-region'
  | 'unknown-datacenter'
  | 'conflict'
  | 'country'
  | 'except'
  | 'route'
  | 'expires'
  | 'live'
  | 'room';

export interface Refusal {
  readonly ok: false;
  readonly code: PolicyCode;
  readonly rule: DecisionRule;
  /** One sentence: why. It holds no address. */
  readonly message: string;
}
