import type { Admission } from '../cluster/types.ts';
import { CLOSE } from '../protocol/errors.ts';
import { endingOf } from './ending.ts';
import type { Peer } from './peer.ts';
import { type Log, shortId } from './ports.ts';
import type { Room } from './room.ts';

interface RejudgeDeps {
  readonly admission: Pick<Admission, 'decideAgain'>;
  readonly log: Log;
}

/**
 * Decides anew for everyone who sits or waits in a room, after the policy was switched and forbidden legs were
 * closed: those who may not stay are redirected or refused. Whatever fails, ends the stay.
 */
export async function rejudgeStays(room: Room, deps: RejudgeDeps): Promise<void> {
  const everyone = [...room.members(), ...room.waiting.peers()];
  await Promise.all(everyone.map((peer) => rejudgeStay(room, peer, deps)));
}

async function rejudgeStay(room: Room, peer: Peer, { admission, log }: RejudgeDeps): Promise<void> {
  try {
    // A meeting outlives the expiry of a policy, and of a token (which has its own timer); a newcomer does not.
    const step = peer.seated ? 'resume' : 'join';
    const verdict = await admission.decideAgain(peer.admitted, { step });
    if (verdict.kind === 'admit') {
      peer.adopt(verdict.session);
      room.rejudgePeer(peer);
    } else if (verdict.kind === 'refuse' && verdict.refusal.code === 'token_expired') {
      room.rejudgePeer(peer);
    } else {
      room.drop(peer, 'policy', endingOf(verdict));
    }
  } catch (error) {
    log.error({ err: error, room: shortId(room.id) }, 'a stay could not be judged, so it ends');
    room.drop(peer, 'policy', { kind: 'bye', code: 'internal', close: CLOSE.internal });
  }
}
