import type { types } from 'mediasoup';
import type { MediaKind } from '../protocol/rtp.ts';
import type { ProducerInfo, Source } from '../protocol/state.ts';
import type { ConsumerLeg } from './consumer-leg.ts';
import type { RoomRouter } from './room-router.ts';

/** What a publication needs to know of those who take it. */
export interface Watcher {
  /** The spatial layer that is to be forwarded at most; null when nothing is. */
  readonly wantedLayer: number | null;
}

/** Keeps a publication available at one router, from `ready` until `release`, which is idempotent. */
export interface Hold {
  /** Rejects when it cannot be made available; the hold is to be released all the same. */
  readonly ready: Promise<void>;
  release(): void;
}

/** A producer at the router where it arrives; the room's other routers copy it from there. */
export interface Origin {
  readonly id: string;
  readonly producer: types.Producer;
  readonly copies: Set<types.Producer>;
  readonly pausedBy: 'publisher' | 'host' | null;
  readonly closed: boolean;
}

/** One source of one peer as the peers of this node get it, whichever node that peer is at. */
export interface Publication {
  readonly id: string;
  readonly peerId: string;
  readonly kind: MediaKind;
  readonly source: Source;
  /** The highest spatial layer that is sent. */
  readonly topLayer: number;
  readonly pausedBy: 'publisher' | 'host' | null;
  readonly closed: boolean;
  readonly info: ProducerInfo;
  readonly watchers: Set<ConsumerLeg>;
  /** Somebody came, went, paused, resumed or chose other layers. */
  watchersChanged(): void;
  /** Makes it available at a router, for as long as somebody there holds it. */
  hold(seat: RoomRouter): Hold;
}

/** The highest layer that any of them wants. */
export function highestWanted(watchers: Iterable<Watcher>): number | null {
  let wanted: number | null = null;
  for (const { wantedLayer } of watchers) {
    if (wantedLayer !== null && (wanted === null || wantedLayer > wanted)) wanted = wantedLayer;
  }
  return wanted;
}
