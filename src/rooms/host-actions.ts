import type { Admission } from '../cluster/types.ts';
import { CLOSE, WatershedError } from '../protocol/errors.ts';
import type { Source } from '../protocol/state.ts';
import { Apart } from './apart.ts';
import { endingOf } from './ending.ts';
import type { Peer, RoomSnapshot } from './peer.ts';
import type { Room } from './room.ts';

/**
 * What hosts may do. Every action throws `host_only` before anything else, so that a participant cannot even
 * learn who is there from the answers.
 */

/** Mutes one source of a peer (its microphone where none is named); the peer may unmute itself. */
export async function mutePeer(room: Room, host: Peer, peerId: string, source?: Source): Promise<void> {
  host.assertHost();
  const muted = source ?? 'microphone';
  const node = room.remotes.nodeOf(peerId);
  if (node === undefined) await muteHere(room.member(peerId), host.id, muted);
  else await room.actAt(node, { act: 'mute', by: host.id, peerId, source: muted });
}

/** Mutes one source of a member of this node, on behalf of a host anywhere. */
export async function muteHere(peer: Peer, by: string, source: Source): Promise<void> {
  for (const producer of peer.media.producers()) {
    if (producer.source !== source || producer.paused) continue;
    const { producerId } = producer;
    await peer.media.pauseProducer(producerId, 'host');
    peer.outlet.notify(peer.notices.muted({ producerId, source, by }));
  }
}

/** Removes a participant, by whatever sessions it is here; its token does not let it into this room again. */
export async function removePeer(room: Room, host: Peer, peerId: string): Promise<void> {
  host.assertHost();
  const node = room.remotes.nodeOf(peerId);
  if (node === undefined) removeHere(room, peerId);
  else await room.actAt(node, { act: 'remove', by: host.id, peerId });
}

/** Removes a member of this node, on behalf of a host anywhere. */
export function removeHere(room: Room, peerId: string): void {
  const peer = room.member(peerId);
  room.keepOut(peer);
  room.drop(peer, 'removed', { kind: 'bye', code: 'removed', close: CLOSE.ended });
  room.dropKeptOut();
}

/** A locked room takes no more participants; hosts may still enter. */
export function lockRoom(room: Room, host: Peer, locked: boolean): void {
  host.assertHost();
  room.setLocked(locked);
}

/**
 * Admits one who waits, who is judged once more before anything is made for it. When the room is full it goes on
 * waiting, and the host is told `room_full`.
 */
export async function admitPeer(
  room: Room,
  deps: { readonly admission: Pick<Admission, 'decideAgain'> },
  host: Peer,
  peerId: string,
): Promise<void> {
  host.assertHost();
  const node = room.remoteWaiting.nodeOf(peerId);
  if (node === undefined) await admitWaiting(room, deps, peerId);
  else await room.actAt(node, { act: 'admit', by: host.id, peerId });
}

/** Admits one who waits at this node, on behalf of a host anywhere. */
export async function admitWaiting(
  room: Room,
  deps: { readonly admission: Pick<Admission, 'decideAgain'> },
  peerId: string,
): Promise<void> {
  const { waiting } = room;
  const peer = waiting.take(peerId);
  try {
    const verdict = await deps.admission.decideAgain(peer.admitted, { step: 'join' });
    if (verdict.kind !== 'admit') {
      waiting.settle(peer);
      room.drop(peer, 'policy', endingOf(verdict));
      return;
    }
    peer.adopt(verdict.session);
    peer.admittedByHost = true;
    await room.seat(peer, (snapshot: RoomSnapshot) => peer.outlet.letIn(snapshot));
    waiting.settle(peer);
  } catch (error) {
    if (error instanceof Apart) {
      waiting.settle(peer);
      room.drop(peer, 'policy', endingOf(error.verdict));
      return;
    }
    if (room.closed) {
      room.drop(peer, 'removed', { kind: 'bye', code: 'room_ended', close: CLOSE.ended });
    } else if (peer.outlet.open && error instanceof WatershedError && error.retry) {
      room.waitsAgain(peer);
    } else {
      waiting.settle(peer);
      const code = error instanceof WatershedError ? error.code : 'internal';
      room.drop(peer, 'removed', { kind: 'bye', code, close: CLOSE.refused });
    }
    throw error;
  }
}

/** Refuses one who waits; it may ask again. */
export async function denyPeer(room: Room, host: Peer, peerId: string): Promise<void> {
  host.assertHost();
  const node = room.remoteWaiting.nodeOf(peerId);
  if (node === undefined) room.deny(peerId);
  else await room.actAt(node, { act: 'deny', by: host.id, peerId });
}

/** Ends the meeting for everyone. Only a host opens it again for a while. */
export function endRoom(room: Room, host: Peer): void {
  host.assertHost();
  room.close('room_ended');
}
