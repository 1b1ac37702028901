import type { ConsumerView, RoomState } from '../../../client/room-state.ts';
import type { Role } from '../../../protocol/token.ts';

/** Why a camera or screen that exists is not shown. */
export type Dark = 'off' | 'starting' | 'lastN' | 'reconnecting';

/** One tile as it is to be shown: a person, or a screen that somebody shares. */
export interface TileModel {
  /** Stable while the person, or the screen, is there. */
  readonly id: string;
  readonly peerId: string;
  readonly source: 'camera' | 'screen';
  readonly name: string;
  readonly role: Role;
  readonly self: boolean;
  /** The microphone is off, or there is none. Always false on a screen. */
  readonly muted: boolean;
  /** Heard right now. */
  readonly speaking: boolean;
  readonly dominant: boolean;
  readonly spokeAt: number;
  /** The video consumer behind it; null for own media and where there is none. */
  readonly consumerId: string | null;
  /** Null when there is video to show. */
  readonly dark: Dark | null;
}

/** What the room's state does not say: own media, and who spoke when. */
export interface LocalView {
  readonly microphone: boolean;
  readonly camera: boolean;
  readonly screen: boolean;
  /** Own voice is heard by the own meter. */
  readonly speaking: boolean;
  /** By peer id, on any clock. */
  readonly spokeAt: ReadonlyMap<string, number>;
  readonly reconnecting: boolean;
}

/** dBov from which a voice counts as heard; quieter is breathing and keyboards. */
const HEARD = -55;

/** Every tile of the room: others in order of joining with their screens, then the own ones. */
export function tilesOf(state: RoomState, local: LocalView): TileModel[] {
  const videos = new Map<string, ConsumerView>();
  for (const consumer of state.consumers.values()) {
    if (consumer.kind === 'video') videos.set(`${consumer.peerId}/${consumer.source}`, consumer);
  }
  const tiles: TileModel[] = [];
  for (const peer of state.peers.values()) {
    const producer = (source: string) => peer.producers.find((candidate) => candidate.source === source);
    const microphone = producer('microphone');
    const muted = microphone === undefined || microphone.paused;
    const volume = state.volumes.get(peer.peerId);
    const common = {
      peerId: peer.peerId,
      name: peer.displayName,
      role: peer.role,
      self: false,
      spokeAt: local.spokeAt.get(peer.peerId) ?? 0,
    };
    for (const source of ['screen', 'camera'] as const) {
      const video = producer(source);
      if (source === 'screen' && video === undefined) continue;
      const consumer = videos.get(`${peer.peerId}/${source}`);
      const off = video === undefined || video.paused;
      tiles.push({
        ...common,
        id: `${peer.peerId}/${source}`,
        source,
        muted: source === 'camera' && muted,
        speaking: source === 'camera' && !muted && volume !== undefined && volume > HEARD,
        dominant: source === 'camera' && !muted && state.dominant === peer.peerId,
        consumerId: consumer?.consumerId ?? null,
        dark: off ? 'off' : darkOf(consumer, local.reconnecting),
      });
    }
  }
  return [...tiles, ...ownTiles(state, local)];
}

function darkOf(consumer: ConsumerView | undefined, reconnecting: boolean): Dark | null {
  if (consumer === undefined) return reconnecting ? 'reconnecting' : 'starting';
  switch (consumer.pausedBy) {
    case 'publisher':
    case 'host':
      return 'off';
    case 'lastN':
      return 'lastN';
    case 'subscriber':
    case null:
      return null;
  }
}

function ownTiles(state: RoomState, local: LocalView): TileModel[] {
  const own = {
    peerId: state.peerId,
    name: state.displayName,
    role: state.role,
    self: true,
    spokeAt: 0,
    consumerId: null,
  };
  const camera: TileModel = {
    ...own,
    id: 'self/camera',
    source: 'camera',
    muted: !local.microphone,
    speaking: local.microphone && local.speaking,
    dominant: false,
    dark: local.camera ? null : 'off',
  };
  if (!local.screen) return [camera];
  const screen: TileModel = {
    ...own,
    id: 'self/screen',
    source: 'screen',
    muted: false,
    speaking: false,
    dominant: false,
    dark: null,
  };
  return [camera, screen];
}
