import type { Verdict } from '../cluster/types.ts';
import { CLOSE, type CloseCode, type ErrorCode, toldAs, WatershedError } from '../protocol/errors.ts';
import type { Redirect, Refusal } from '../protocol/events.ts';

/** How a session is told that it is over: the last notification, and the close code after it. */
export type Ending =
  /** It asked for it (`leave`): the response was the last word. */
  | { readonly kind: 'left' }
  | { readonly kind: 'bye'; readonly code: ErrorCode; readonly close: CloseCode }
  | { readonly kind: 'refused'; readonly refusal: Refusal }
  | { readonly kind: 'redirect'; readonly redirect: Redirect };

/** The ending for a verdict that does not admit. */
export function endingOf(verdict: Exclude<Verdict, { kind: 'admit' }>): Ending {
  switch (verdict.kind) {
    case 'refuse':
      return { kind: 'refused', refusal: verdict.refusal };
    case 'redirect':
      return { kind: 'redirect', redirect: verdict.redirect };
  }
}

/** The ending after a gate forbade a peer's media: its legs are closed already. */
export function forbiddenEnding(error: unknown): Ending {
  const code = error instanceof WatershedError ? error.code : 'region_not_admitted';
  return { kind: 'bye', code, close: CLOSE.refused };
}

/** A refusal that no policy rule decided (a host, a limit, a timer did). */
export function refusalOf(code: ErrorCode, policyDigest: string): Refusal {
  return { ...toldAs(code), rule: '', policy: policyDigest };
}
