import { readRtp } from './rtp.ts';
import { readStamp } from './stamp.ts';
import { readVp8 } from './vp8-frames.ts';

/** What one received stream came to. Latencies in ms, of stamped packets only. */
export interface StreamStats {
  readonly kind: 'audio' | 'video';
  readonly packets: number;
  readonly bytes: number;
  /** Packets whose marker bit ended a frame (video). */
  readonly frames: number;
  /** Frames that began as a VP8 key frame. */
  readonly keyFrames: number;
  /** Packets with a stamp: from another synthetic participant. */
  readonly stamped: number;
  /** Gaps in the RTP sequence numbers, filled ones not counted. */
  readonly missing: number;
  readonly latency: { readonly p50: number; readonly p99: number; readonly max: number } | null;
  /** The stream number of the last stamp: a simulcast layer switch shows as another one. */
  readonly lastStream: number | null;
  /** Milliseconds of the process clock when the last packet came; null before the first. */
  readonly lastPacketAt: number | null;
}

/** Latencies kept for the percentiles: the newest so many. */
const KEPT = 4096;

/** Counts and times the packets of one received stream. */
export class StreamMeter {
  readonly kind: 'audio' | 'video';
  readonly #vp8: boolean;
  readonly #latencies = new Float64Array(KEPT);
  #packets = 0;
  #bytes = 0;
  #frames = 0;
  #keyFrames = 0;
  #stamped = 0;
  #missing = 0;
  #highest: number | null = null;
  #lastStream: number | null = null;
  #lastPacketAt: number | null = null;

  constructor(kind: 'audio' | 'video', mimeType: string) {
    this.kind = kind;
    this.#vp8 = mimeType.toLowerCase() === 'video/vp8';
  }

  /** Takes one RTP packet as it came. */
  take(packet: Buffer): void {
    const rtp = readRtp(packet);
    if (rtp === undefined) return;
    this.#packets += 1;
    this.#bytes += packet.length;
    this.#lastPacketAt = performance.now();
    this.#count(rtp.sequence);
    if (this.kind === 'video' && rtp.marker) this.#frames += 1;
    if (this.#vp8 && readVp8(rtp.payload)?.key === true) this.#keyFrames += 1;
    const stamp = readStamp(rtp.payload);
    if (stamp === undefined) return;
    this.#latencies[this.#stamped % KEPT] = Number(process.hrtime.bigint() - stamp.sentAt) / 1e6;
    this.#stamped += 1;
    this.#lastStream = stamp.stream;
  }

  stats(): StreamStats {
    return {
      kind: this.kind,
      packets: this.#packets,
      bytes: this.#bytes,
      frames: this.#frames,
      keyFrames: this.#keyFrames,
      stamped: this.#stamped,
      missing: this.#missing,
      latency: this.#latency(),
      lastStream: this.#lastStream,
      lastPacketAt: this.#lastPacketAt,
    };
  }

  #count(sequence: number): void {
    const ahead = this.#highest === null ? 1 : (sequence - this.#highest) & 0xffff;
    if (ahead >= 0x8000 || ahead === 0) {
      // Late, or again: it fills a gap that was counted.
      if (ahead !== 0 && this.#missing > 0) this.#missing -= 1;
      return;
    }
    this.#missing += ahead - 1;
    this.#highest = sequence;
  }

  #latency(): StreamStats['latency'] {
    const sorted = this.#latencies.slice(0, Math.min(this.#stamped, KEPT)).sort();
    const at = (share: number): number =>
      sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return sorted.length === 0 ? null : { p50: at(0.5), p99: at(0.99), max: at(1) };
  }
}
