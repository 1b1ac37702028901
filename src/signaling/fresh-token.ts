import type { Admission } from '../cluster/types.ts';
import { CLOSE, isErrorCode, WatershedError } from '../protocol/errors.ts';
import { type Ending, endingOf } from '../rooms/ending.ts';
import type { Session } from './session.ts';

/** What became of a session that was handed a fresh join token. */
export type FreshToken =
  | { readonly kind: 'taken'; readonly expiresAt: number }
  /** The token is not valid, or not now: the session is as it was. */
  | { readonly kind: 'rejected'; readonly error: WatershedError }
  /** By this token the session may not be served here: it has ended. */
  | { readonly kind: 'over'; readonly ending: Ending };

/** Judges a session by a fresh token; `not_joined` before it is in a room or waits for one. */
export async function takeFreshToken(
  session: Session,
  token: string,
  admission: Pick<Admission, 'decideAgain'>,
): Promise<FreshToken> {
  const place = session.place;
  if (place === null) throw new WatershedError('not_joined');
  const verdict = await admission.decideAgain(session.admitted, { step: 'refresh', token });
  if (!session.open) return { kind: 'rejected', error: new WatershedError('not_joined') };
  if (verdict.kind === 'admit') {
    place.peer.adopt(verdict.session);
    if (!place.room.rejudgePeer(place.peer)) {
      return { kind: 'over', ending: { kind: 'bye', code: 'region_not_admitted', close: CLOSE.refused } };
    }
    session.refreshed(verdict.session);
    return { kind: 'taken', expiresAt: Math.floor(verdict.session.claims.exp) };
  }
  const ending = endingOf(verdict);
  if (verdict.kind === 'refuse' && (verdict.refusal.status === 401 || verdict.refusal.retry)) {
    return { kind: 'rejected', error: errorOf(ending) };
  }
  session.leave('policy', ending);
  return { kind: 'over', ending };
}

/** The error that a request is answered with (and counted as) when its session may not be served here. */
export function errorOf(ending: Ending): WatershedError {
  if (ending.kind === 'refused' && isErrorCode(ending.refusal.code)) {
    return new WatershedError(ending.refusal.code);
  }
  return new WatershedError(ending.kind === 'bye' ? ending.code : 'region_not_admitted');
}
