import type { Logger } from 'pino';
import type { Publication } from './publication.ts';
import type { RoomRouter } from './room-router.ts';
import type { MediaGate, MediaOptions } from './types.ts';

/** What a peer's parts need of their room. */
export interface PeerHost {
  readonly gate: MediaGate;
  readonly options: MediaOptions;
  readonly logger: Logger;
  /** Grows whenever legs were judged again: what was under way then is judged once more when it is done. */
  readonly judgement: number;
  /** The router that this peer's transports belong on; waits for a worker, then throws `worker_unavailable`. */
  seat(peerId: string): Promise<RoomRouter>;
  /** The peer has no transport any more, so it may be seated elsewhere. */
  unseat(peerId: string): void;
  /** The room offers it to the others, and listens for who speaks. */
  published(publication: Publication): void;
  /** Its consumers are to close. */
  unpublished(publication: Publication): void;
  /** Paused, resumed: last-N may look elsewhere. */
  publicationChanged(publication: Publication): void;
  /** The peer can take (more) consumers: offer it everything that it may have. */
  offerAll(peerId: string): void;
  /** Judges every leg of the peer again; see MediaPeer.rejudge. */
  rejudge(peerId: string): void;
  /** Whether last-N lets a subscriber have this publication now. */
  forwards(watcher: string, publication: Publication): boolean;
  /** mediasoup's consumer priority that the room would give it: what is shared out first when bandwidth is short. */
  priorityOf(publication: Publication): number;
}
