import {
  admitPeer,
  denyPeer,
  endRoom,
  lockRoom,
  mutePeer,
  removeHere,
  removePeer,
} from '../rooms/host-actions.ts';
import { DONE, type HandlersOf } from './handler.ts';

/** Chat, and what hosts may do. */
export const roomHandlers: HandlersOf<
  'sendChat' | 'mutePeer' | 'removePeer' | 'lockRoom' | 'endRoom' | 'admitPeer' | 'denyPeer'
> = {
  sendChat({ session }, { text }) {
    const { room, peer } = session.seat;
    return { data: room.chat(peer, text) };
  },
  async mutePeer({ session }, { peerId, source }) {
    const { room, peer } = session.seat;
    await mutePeer(room, peer, peerId, source);
    return DONE;
  },
  async removePeer({ session }, { peerId }) {
    const { room, peer } = session.seat;
    if (peerId !== peer.id) {
      await removePeer(room, peer, peerId);
      return DONE;
    }
    // After the response: a host may remove itself.
    peer.assertHost();
    return { data: {}, after: () => removeHere(room, peerId) };
  },
  lockRoom({ session }, { locked }) {
    const { room, peer } = session.seat;
    lockRoom(room, peer, locked);
    return DONE;
  },
  endRoom({ session }) {
    const { room, peer } = session.seat;
    peer.assertHost();
    return { data: {}, after: () => endRoom(room, peer) };
  },
  async admitPeer({ session, deps }, { peerId }) {
    const { room, peer } = session.seat;
    await admitPeer(room, deps, peer, peerId);
    return DONE;
  },
  async denyPeer({ session }, { peerId }) {
    const { room, peer } = session.seat;
    await denyPeer(room, peer, peerId);
    return DONE;
  },
};
