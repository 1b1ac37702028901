import type { PeerInfo, RoomInfo } from '../protocol/state.ts';
import { type Notification, notification } from './notification.ts';
import type { Peer, RoomSnapshot } from './peer.ts';
import type { NodeIdentity } from './ports.ts';

/** Characters of JSON that the peers of one `joined` take, well below the frame's limit of 64 KiB. */
const PEERS_CHARACTERS = 32 * 1024;

/** A room as one member may see it at one moment. */
export interface RoomView {
  readonly snapshot: RoomSnapshot;
  /** The members of a very large room that the snapshot had no place for, as `peerJoined`. */
  readonly rest: readonly Notification[];
}

export interface RoomState {
  readonly info: RoomInfo;
  readonly members: readonly Peer[];
  /** Members at other nodes. */
  readonly remotes: readonly PeerInfo[];
  readonly waiting: readonly { peerId: string; displayName: string }[];
  readonly node: NodeIdentity;
}

export function viewOf(state: RoomState, peer: Peer): RoomView {
  const peers: PeerInfo[] = [];
  const rest: Notification[] = [];
  let left = PEERS_CHARACTERS;
  const here = state.members.filter((other) => other !== peer).map((other) => other.info(state.node));
  for (const info of [...here, ...state.remotes]) {
    left -= JSON.stringify(info).length;
    if (left >= 0) peers.push(info);
    else rest.push(notification('peerJoined', { peer: info }));
  }
  const snapshot: RoomSnapshot = {
    peerId: peer.id,
    displayName: peer.displayName,
    role: peer.role,
    room: state.info,
    peers,
    waiting: peer.role === 'host' ? [...state.waiting] : [],
  };
  return { snapshot, rest };
}
