import { isErrorCode, WatershedError } from '../protocol/errors.ts';
import type { Ending } from '../rooms/ending.ts';
import { DONE, type HandlersOf } from './handler.ts';

/** The error that a request is answered with (and counted as) when its verdict does not admit. */
function errorOf(ending: Ending): WatershedError {
  if (ending.kind === 'refused' && isErrorCode(ending.refusal.code)) {
    return new WatershedError(ending.refusal.code);
  }
  return new WatershedError('region_not_admitted');
}

/** Coming, staying and going. */
export const sessionHandlers: HandlersOf<'join' | 'resume' | 'leave' | 'ping' | 'refreshToken'> = {
  async join(conversation, data) {
    const session = conversation.newSession();
    const outcome = await conversation.deps.rooms.join({
      admitted: session.admitted,
      displayName: data.displayName,
      rtpCapabilities: data.rtpCapabilities,
      outlet: session,
    });
    switch (outcome.state) {
      case 'apart':
        // `refused` or `redirect` is the one message before the close; no response follows it.
        session.ended(outcome.ending);
        throw errorOf(outcome.ending);
      case 'waiting':
        session.enterWaiting(outcome);
        return { data: { state: 'waiting', peerId: outcome.peer.id }, after: () => session.attach(0) };
      case 'joined': {
        const joined = session.enterJoined(outcome, outcome.snapshot);
        return { data: { state: 'joined', ...joined }, after: () => session.attach(0) };
      }
    }
  },

  resume(conversation, { lastSeq }) {
    const { attach, ...data } = conversation.resume(lastSeq);
    return { data, after: attach };
  },

  leave(conversation) {
    const session = conversation.session;
    if (session.place === null) throw new WatershedError('not_joined');
    return { data: {}, after: () => session.leave('left', { kind: 'left' }) };
  },

  ping: () => DONE,

  /** A token that is not valid leaves the session as it is; one that may not be served here ends it. */
  async refreshToken(conversation, { token }) {
    const { session, deps } = conversation;
    const place = session.place;
    if (place === null) throw new WatershedError('not_joined');
    const verdict = await deps.admission.decideAgain(session.admitted, { step: 'refresh', token });
    switch (verdict.kind) {
      case 'admit': {
        place.peer.adopt(verdict.session);
        if (!place.room.rejudgePeer(place.peer)) throw new WatershedError('region_not_admitted');
        session.refreshed(verdict.session);
        return { data: { expiresAt: Math.floor(verdict.session.claims.exp) } };
      }
      case 'redirect': {
        session.leave('policy', { kind: 'redirect', redirect: verdict.redirect });
        throw new WatershedError('region_not_admitted');
      }
      case 'refuse': {
        const { refusal } = verdict;
        const ending: Ending = { kind: 'refused', refusal };
        if (refusal.status !== 401 && !refusal.retry) session.leave('policy', ending);
        throw errorOf(ending);
      }
    }
  },
};
