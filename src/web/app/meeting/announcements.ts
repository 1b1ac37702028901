import type { RoomState } from '../../../client/room-state.ts';
import type { IconName } from '../ui/icons.ts';

export interface Announcement {
  readonly text: string;
  readonly icon: IconName;
  readonly kind: 'info' | 'warning';
  readonly key: string;
  /** Somebody waits: the toast offers to let them in. */
  readonly admit?: string;
}

/** More arrivals or departures at once than this are told as one. */
const ONE_BY_ONE = 2;

/** Key of the announcement that somebody waits. */
export function waitingKey(peerId: string): string {
  return `waiting-${peerId}`;
}

/** What to tell the person when the room went from one state to the next. */
export function announcementsOf(before: RoomState, after: RoomState): Announcement[] {
  const told: Announcement[] = [];
  const say = (text: string, icon: IconName, key: string, kind: Announcement['kind'] = 'info') =>
    told.push({ text, icon, key, kind });

  const came = [...after.peers.values()].filter(({ peerId }) => !before.peers.has(peerId));
  const went = [...before.peers.values()].filter(({ peerId }) => !after.peers.has(peerId));
  if (came.length > ONE_BY_ONE) say(`${came.length} people joined`, 'people', 'joined');
  else for (const { displayName, peerId } of came) say(`${displayName} joined`, 'people', `joined-${peerId}`);
  if (went.length > ONE_BY_ONE) say(`${went.length} people left`, 'people', 'left');
  else for (const { displayName, peerId } of went) say(`${displayName} left`, 'people', `left-${peerId}`);

  for (const peer of after.peers.values()) {
    const shares = (state: RoomState) =>
      state.peers.get(peer.peerId)?.producers.some(({ source }) => source === 'screen') ?? false;
    if (shares(after) && !shares(before)) {
      say(`${peer.displayName} shares their screen`, 'screen', `screen-${peer.peerId}`);
    }
  }
  if (before.room.locked !== after.room.locked) {
    const text = after.room.locked
      ? 'The meeting is locked: nobody new can join'
      : 'The meeting is open again';
    say(text, after.room.locked ? 'lock' : 'unlock', 'locked');
  }
  for (const [peerId, displayName] of after.waiting) {
    if (before.waiting.has(peerId)) continue;
    told.push({
      text: `${displayName} waits to be let in`,
      icon: 'people',
      kind: 'warning',
      key: waitingKey(peerId),
      admit: peerId,
    });
  }
  return told;
}
