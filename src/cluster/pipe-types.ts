import type { LinkPeer, LinkTarget } from '../links/types.ts';
import type { MediaRoom, PipeOut, PipeSource } from '../media/types.ts';
import type { Label } from '../policy/model.ts';
import type { RoomKey } from '../registry/port.ts';

/** What a room's media does for other nodes. */
export interface PipedRoom extends Pick<MediaRoom, 'describe' | 'pipe' | 'unpipe' | 'setRemoteWanted'> {
  on(event: 'unpiped', listener: (out: PipeOut) => void): unknown;
  off(event: 'unpiped', listener: (out: PipeOut) => void): unknown;
}

/** A peer's label as it is known now; undefined for a peer that is gone or unknown. */
export type LabelOf = (peerId: string) => Label | undefined;

/**
 * Media between nodes, on leases. A pipe names its room, its producer, the label that it was admitted by and a
 * nonce of the receiving node's; that node renews it over the node link, and each side closes it, by its own
 * monotonic clock, when renewals fail to come. Both decide, each by its own policy: the sender by the datacenter
 * of the link's certificate, the receiver by its own; neither believes the other's answer.
 */
export interface Pipes {
  /**
   * The way to producers of a node, in a room; links to that node may come and go. `label` is what this
   * node knows of peers there: who is known is admitted by that without asking first; who is not, or whose label
   * has changed, costs one more round trip. It never decides alone, the other node has to know the same.
   */
  sourceFor(room: RoomKey, node: LinkTarget, label?: LabelOf): PipeSource;
  /** Serves pipes out of a room until the returned function is called. `label` is that of the peers here. */
  attach(room: RoomKey, media: PipedRoom, label: LabelOf): () => void;
  /**
   * After a switch of policy, or of labels: closes what is forbidden now, on this side before it returns; and whatever
   * goes to, or comes from, nodes that are none of the cloud's any more.
   */
  rejudge(disowned?: readonly LinkPeer[]): void;
  stats(): { readonly out: number; readonly in: number };
  close(): void;
}

export interface PipeTiming {
  /** Between two renewals. */
  readonly renewMs: number;
  /** After a renewal that failed. */
  readonly retryMs: number;
  /** Without renewal, after which a lease is over. */
  readonly lapseMs: number;
  /** Between two looks at the clock. */
  readonly tickMs: number;
}

/** Design section 5.4: renewed every 10 s, over after 30 s. */
export const PIPE_TIMING: PipeTiming = { renewMs: 10_000, retryMs: 1000, lapseMs: 30_000, tickMs: 1000 };

/** The part of a pino logger that pipes use. */
export interface PipeLog {
  info(fields: object, message: string): void;
  debug(fields: object, message: string): void;
  warn(fields: object, message: string): void;
}

/** Why a lease is over; a closed set, for metrics. */
export type LeaseEnd = 'released' | 'lapsed' | 'refused' | 'ended' | 'failed';
