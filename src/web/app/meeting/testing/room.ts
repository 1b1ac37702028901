import type { ConsumerView, RoomState } from '../../../../client/room-state.ts';
import type { PeerInfo, Source } from '../../../../protocol/state.ts';

/** A peer who publishes these sources; `paused` names those that are muted. */
export function peer(
  peerId: string,
  sources: readonly Source[] = [],
  paused: readonly Source[] = [],
): PeerInfo {
  return {
    peerId,
    displayName: peerId.toUpperCase(),
    role: 'participant',
    datacenter: 'fra',
    region: 'eu',
    producers: sources.map((source) => ({
      producerId: `${peerId}-${source}`,
      kind: source === 'camera' || source === 'screen' ? 'video' : 'audio',
      source,
      paused: paused.includes(source),
    })),
  };
}

export function consumerOf(
  peerId: string,
  source: Source,
  pausedBy: ConsumerView['pausedBy'] = null,
): ConsumerView {
  return {
    consumerId: `c-${peerId}-${source}`,
    producerId: `${peerId}-${source}`,
    peerId,
    kind: source === 'camera' || source === 'screen' ? 'video' : 'audio',
    source,
    pausedBy,
    layers: null,
  };
}

/** A room of these peers, seen by `me`. */
export function roomOf(peers: readonly PeerInfo[], change: Partial<RoomState> = {}): RoomState {
  return {
    peerId: 'me',
    displayName: 'Me',
    role: 'host',
    room: { roomId: 'stand-up', locked: false, endsAt: null, lastN: null },
    peers: new Map(peers.map((each) => [each.peerId, each])),
    waiting: new Map(),
    consumers: new Map(),
    chat: [],
    dominant: null,
    volumes: new Map(),
    ...change,
  };
}
