import { WatershedError } from '../protocol/errors.ts';
import { errorOf, takeFreshToken } from './fresh-token.ts';
import { DONE, type HandlersOf } from './handler.ts';

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

  async resume(conversation, { lastSeq, token }) {
    const { attach, ...data } = await conversation.resume(lastSeq, token);
    return { data, after: attach };
  },

  leave(conversation) {
    const session = conversation.session;
    if (session.place === null) throw new WatershedError('not_joined');
    return { data: {}, after: () => session.leave('left', { kind: 'left' }) };
  },

  ping: () => DONE,

  /** A token that is not valid leaves the session as it is; one that may not be served here ends it. */
  async refreshToken({ session, deps }, { token }) {
    const fresh = await takeFreshToken(session, token, deps.admission);
    switch (fresh.kind) {
      case 'taken':
        return { data: { expiresAt: fresh.expiresAt } };
      case 'rejected':
        throw fresh.error;
      case 'over':
        throw errorOf(fresh.ending);
    }
  },
};
