import type { ConnectionState } from 'mediasoup-client/types';
import type { DirectoryKeys } from '../protocol/directory.ts';
import type { EventData } from '../protocol/events.ts';
import type { Source } from '../protocol/state.ts';
import type { Attempt } from './connector.ts';
import type { DirectoryMemory } from './directory-memory.ts';
import type { Problem } from './problem.ts';
import type { PublicationView } from './publication.ts';
import type { ChatMessage, RoomState } from './room-state.ts';
import type { RemoteTrack } from './subscriptions.ts';

/**
 * - `connecting`: on the way down the list for the first time
 * - `waiting`: at the node, before the host's door
 * - `resuming`: the socket is lost; the session, and usually the media, are not
 * - `rejoining`: the session is gone; a new one is being made, and what was published is published again
 * - `closed`: the end; `connect` may be called again
 */
export type ClientStatus = 'idle' | 'connecting' | 'waiting' | 'joined' | 'resuming' | 'rejoining' | 'closed';

/** Where the session is served: what the page shows at all times. */
export interface Seat {
  readonly node: string;
  readonly datacenter: string;
  readonly region: string;
  readonly url: string;
  /** Digest of the policy that admitted. */
  readonly policy: string;
}

export interface ConnectOptions {
  readonly token: string;
  /** Front doors to ask for the datacenter list, in this order. */
  readonly frontDoors: readonly string[];
  readonly displayName?: string;
  /** The cloud's directory keys; fetched from the front doors otherwise. */
  readonly keys?: DirectoryKeys['keys'];
  /**
   * A node's URL to try without a directory (probes and tests). A redirect from there is followed all the same,
   * once its signature was verified with keys from the front doors.
   */
  readonly direct?: string;
}

export interface ClientOptions {
  /** Milliseconds for one attempt at one datacenter. Default 4000. */
  readonly attemptTimeout?: number;
  /** Seconds for which a lost session is tried to be made anew. Default 120. */
  readonly rejoinSeconds?: number;
  /** Allows `http:` and `ws:` beyond loopback. Default false. */
  readonly allowPlaintext?: boolean;
  /**
   * Leaves what others send paused until `setConsumersPaused(…, false)`, for an application that shows only
   * some of it. Default false.
   */
  readonly consumersStartPaused?: boolean;
  /**
   * What is known of the cloud, for an application that makes one client after another: it is asked for a list where
   * no front door answers. Each membership has its own by default.
   */
  readonly memory?: DirectoryMemory;
  /**
   * Gets a fresh join token for the same room and participant, when the one at hand expires. A resume
   * waits 5 s for it, everything else 30 s; it is not called again before it has settled.
   */
  readonly refreshToken?: () => Promise<string>;
}

/** What the client tells its application. */
export interface ClientEvents {
  status: [ClientStatus];
  /** Each try at a datacenter, in every walk down the list. */
  attempt: [Attempt];
  /** The session sits at a node now; null when it does not. */
  seat: [Seat | null];
  /** The room could not stay where it was, or the node goes: served elsewhere from now on, and why. */
  moved: [{ from: Seat | null; to: Seat; why: Problem }];
  /** After each change of what the node has said of the room. */
  room: [RoomState];
  /** Somebody's source can be played; the track is muted until the node sends it. */
  track: [RemoteTrack];
  trackEnded: [RemoteTrack];
  chat: [ChatMessage];
  peerJoined: [EventData<'peerJoined'>['peer']];
  peerLeft: [EventData<'peerLeft'>];
  /** One of our own sources changed: published, paused, wanted. `producerId` null and a stopped track: gone. */
  publication: [PublicationView];
  /** One of our own sources ended by itself (device unplugged, sharing stopped). */
  publicationEnded: [Source];
  /** The node does not take this source (any more): it has been unpublished, its track stopped. */
  publicationFailed: [Source, Problem];
  /** A host muted one of our sources. */
  muted: [EventData<'muted'>];
  /** State of a direction's media connection. */
  media: ['send' | 'receive', ConnectionState];
  /** Something failed that the client deals with by itself, or that an application may want to show. */
  problem: [Problem];
  /** The end; null where it was asked for. */
  closed: [Problem | null];
}
