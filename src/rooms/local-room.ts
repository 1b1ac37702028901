import type { MemberState, WaitingState } from '../cluster/federation/messages.ts';
import type { LocalRoom, Place } from '../cluster/federation/types.ts';
import { nodeKey } from '../policy/node-key.ts';
import { admitWaiting, muteHere, removeHere } from './host-actions.ts';
import type { Peer } from './peer.ts';
import type { RoomDeps } from './ports.ts';
import type { Room } from './room.ts';

/** A peer's place, as the room's rule judges it. */
export function placeOf(peer: Peer): Place {
  const { jti, moves } = peer.admitted.claims;
  return { peerId: peer.id, label: peer.label, jti, moves: peer.role !== 'host' || moves !== false };
}

/** The room as its other nodes are told of it, and what they may do to it. */
export function localRoomOf(room: Room, deps: RoomDeps): LocalRoom {
  const stateOf = (peer: Peer): MemberState => ({
    peerId: peer.id,
    who: peer.who,
    displayName: peer.displayName,
    role: peer.role,
    label: mutable(peer.label),
    producers: [...peer.announced].flatMap((producerId) => room.describe(producerId) ?? []),
  });
  const seated = (peerId: string): Peer | undefined =>
    room.placed().find((peer) => peer.id === peerId && peer.seated);
  return {
    id: room.id,
    places: () => room.placed().map(placeOf),
    members: () => room.members().map(stateOf),
    member: (peerId) => {
      const peer = seated(peerId);
      return peer === undefined ? undefined : stateOf(peer);
    },
    waiting: () => room.waiting.peers().map(waitingOf),
    shared: () => room.shared(),
    decisions: () => room.rules.decisions,
    onDecided: (listener) => room.rules.onDecided(listener),
    narrow: (regions) => room.narrow(regions),
    remoteMember: (node, member) => room.remotes.upsert(node, member),
    remoteGone: (node, peerId, reason) => room.remotes.gone(node, peerId, reason),
    remoteWaiting: (node, waiting) => room.remoteWaiting.set(nodeKey(node), waiting),
    remoteChat: (node, peerId, chat) => room.remotes.chat(node, peerId, chat),
    share: (state, withheld) => room.share(state, withheld),
    act: async (act) => {
      switch (act.act) {
        case 'mute':
          return muteHere(room.member(act.peerId), act.by, act.source);
        case 'remove':
          return removeHere(room, act.peerId);
        case 'admit':
          return admitWaiting(room, deps, act.peerId);
        case 'deny':
          return room.deny(act.peerId);
      }
    },
    relocate: (peerId, redirect) => {
      const peer = seated(peerId);
      if (peer !== undefined) room.moving.start(peer, redirect);
    },
  };
}

function waitingOf(peer: Peer): WaitingState {
  return { peerId: peer.id, who: peer.who, displayName: peer.displayName, label: mutable(peer.label) };
}

function mutable({ home, evidence, regions }: Place['label']): MemberState['label'] {
  return { home, evidence: [...evidence], regions: regions === null ? null : [...regions] };
}
