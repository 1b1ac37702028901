import type { Rate } from './token-bucket.ts';

/** What a node's configuration says about rooms. Each limit has its own error code. */
export interface RoomLimits {
  /** Members of one room (`room_full`). */
  readonly peersPerRoom: number;
  /** Rooms on this node (`node_full`). */
  readonly roomsPerNode: number;
  /** Seconds after which a room is closed (`room_expired`); null for never. */
  readonly maxDurationSeconds: number | null;
  /** Every participant waits until a host admits it; hosts enter at once. */
  readonly waitingRoom: boolean;
  /** Seconds that a participant waits at most (`waiting_timeout`). */
  readonly waitingSeconds: number;
  /** Participants that may wait for one room at once (`room_full`). */
  readonly waitingPerRoom: number;
  /** Seconds that a room with nobody in it is kept, with its lock and its end. */
  readonly emptySeconds: number;
  /** Seconds for which a room that a host ended, or that expired, is opened again by hosts only. */
  readonly endedSeconds: number;
  /** Peers whose camera a subscriber gets at most; null for all. */
  readonly lastN: number | null;
  /** Chat messages of one peer, and of all peers of a room together (`rate_limited`). */
  readonly chatPerPeer: Rate;
  readonly chatPerRoom: Rate;
}

export const DEFAULT_ROOM_LIMITS: RoomLimits = {
  peersPerRoom: 100,
  roomsPerNode: 1000,
  maxDurationSeconds: null,
  waitingRoom: false,
  waitingSeconds: 600,
  waitingPerRoom: 100,
  emptySeconds: 15,
  endedSeconds: 300,
  lastN: null,
  chatPerPeer: { perSecond: 1, burst: 10 },
  chatPerRoom: { perSecond: 10, burst: 50 },
};
