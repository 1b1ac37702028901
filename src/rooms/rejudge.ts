import type { Admission } from '../cluster/types.ts';
import { CLOSE } from '../protocol/errors.ts';
import type { Clock } from './clock.ts';
import { endingOf } from './ending.ts';
import type { Peer } from './peer.ts';
import { type Log, shortId } from './ports.ts';
import type { Room } from './room.ts';
import { Slices } from './slices.ts';

interface RejudgeDeps {
  readonly admission: Pick<Admission, 'decideAgain' | 'serves'>;
  readonly clock: Pick<Clock, 'monotonicMs'>;
  readonly log: Log;
}

interface Stay {
  readonly room: Room;
  readonly peer: Peer;
}

/** Stays that are decided at the same time: a decision may have to ask the registry for a list. */
const AT_ONCE = 16;

/**
 * Judges everyone who sits or waits in these rooms, after the policy was switched. First every leg closes of those
 * whom it forbids here by their label, the first of them in this very call, and then by where their media comes from;
 * then they are told where they may go, or why nowhere; then all others are judged. All of it in slices, between which
 * the node goes on, by the new policy.
 */
export async function rejudgeEveryone(rooms: readonly Room[], deps: RejudgeDeps): Promise<void> {
  const members = rooms.flatMap((room) => room.members().map((peer): Stay => ({ room, peer })));
  const waiting = rooms.flatMap((room) => room.waiting.peers().map((peer): Stay => ({ room, peer })));
  const stays = ({ room, peer }: Stay, addresses?: Iterable<string>): boolean => {
    const label = room.label(peer.id);
    return label !== undefined && deps.admission.serves(label, addresses);
  };
  const byLabel: Stay[] = [];
  const forbidden: Stay[] = [];
  for (const stay of members) (stays(stay) ? byLabel : forbidden).push(stay);
  const slices = new Slices(deps.clock);
  const judgeLegs = ({ room, peer }: Stay): void => {
    try {
      room.stays.judgeLegs(peer);
    } catch (error) {
      endUnjudged({ room, peer }, error, deps.log);
    }
  };
  for (const stay of forbidden) {
    judgeLegs(stay);
    await slices.breathe();
  }
  const allowed: Stay[] = [];
  // Each address is looked up, which takes longer than labels do.
  for (const stay of byLabel) {
    if (!stay.peer.seated || stays(stay, stay.peer.media.addresses())) allowed.push(stay);
    else {
      judgeLegs(stay);
      forbidden.push(stay);
    }
    await slices.breathe();
  }
  const deciding = new Set<Promise<void>>();
  for (const stay of [...forbidden, ...waiting, ...allowed]) {
    const decided = rejudgeStay(stay, deps).finally(() => deciding.delete(decided));
    deciding.add(decided);
    if (deciding.size >= AT_ONCE) await Promise.race(deciding);
    await slices.breathe();
  }
  await Promise.all(deciding);
}

/** Those who may not stay are redirected or refused. Whatever fails, ends the stay. */
async function rejudgeStay({ room, peer }: Stay, { admission, log }: RejudgeDeps): Promise<void> {
  if (!peer.outlet.open) return;
  try {
    // A meeting outlives the expiry of a policy, and of a token (which has its own timer); a newcomer does not.
    const step = peer.seated ? 'switch' : 'join';
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
    endUnjudged({ room, peer }, error, log);
  } finally {
    room.stays.decided(peer);
  }
}

function endUnjudged({ room, peer }: Stay, error: unknown, log: Log): void {
  log.error({ err: error, room: shortId(room.id) }, 'a stay could not be judged, so it ends');
  room.drop(peer, 'policy', { kind: 'bye', code: 'internal', close: CLOSE.internal });
}
