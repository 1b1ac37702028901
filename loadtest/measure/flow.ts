import type { Buckets } from './histogram.ts';

/** What one receiver of one stream has come to. Counters only grow; distributions are since the last reading. */
export interface FlowReading {
  /** RTP packets, retransmissions and copies not counted. */
  readonly packets: number;
  /** RTP payload bytes. */
  readonly bytes: number;
  /** Sequence numbers that never came, up to the highest. */
  readonly missing: number;
  readonly frames: number;
  readonly keyFrames: number;
  /** Pauses between the frames of a video of more than half a second. */
  readonly freezes: number;
  /** Milliseconds from the receiver's begin to its first decrypted packet; null before. */
  readonly firstPacketMs: number | null;
  /** Interarrival jitter (RFC 3550 section 6.4.1) at this moment, in µs. */
  readonly jitter: number;
  /** One-way delay of stamped packets, in µs. */
  readonly latency: Buckets;
}
