import type { FlowReading } from '../measure/flow.ts';
import { Histogram, histogramOf } from '../measure/histogram.ts';
import { readRtp } from './rtp.ts';
import { readStamp } from './stamp.ts';
import { readVp8 } from './vp8-frames.ts';
import { readVp9 } from './vp9-frames.ts';

/** What one received stream came to. Latencies in ms, of stamped packets only. */
export interface StreamStats {
  readonly kind: 'audio' | 'video';
  readonly packets: number;
  readonly bytes: number;
  /** Packets whose marker bit ended a frame (video). */
  readonly frames: number;
  /** Frames that began as a key frame (VP8, VP9). */
  readonly keyFrames: number;
  /** Packets with a stamp: from another synthetic participant. */
  readonly stamped: number;
  /** Gaps in the RTP sequence numbers, filled ones not counted. */
  readonly missing: number;
  readonly latency: { readonly p50: number; readonly p99: number; readonly max: number } | null;
  /** The stream number of the last stamp: a simulcast layer switch shows as another one. */
  readonly lastStream: number | null;
  /** The highest spatial layer of the last whole frame; null where the codec is not VP9. */
  readonly lastSpatialLayer: number | null;
  /** Milliseconds of the process clock when the last packet came; null before the first. */
  readonly lastPacketAt: number | null;
}

/** A pause between frames that a viewer would call a freeze, in ms. */
const FREEZE = 500;
/** CLOCK_MONOTONIC less this process's `performance.now()`, in ms: a stamp is read without a BigInt clock. */
const MONOTONIC = Number(process.hrtime.bigint()) / 1e6 - performance.now();

/** Counts and times the packets of one received stream. */
export class StreamMeter {
  readonly kind: 'audio' | 'video';
  readonly #codec: string;
  readonly #ticksPerMs: number;
  readonly #openedAt = performance.now();
  /** Of all time but since the last reading, and since then; in µs. */
  readonly #earlier = new Histogram();
  readonly #latency = new Histogram();
  #latest = 0;
  #packets = 0;
  #bytes = 0;
  #frames = 0;
  #keyFrames = 0;
  #freezes = 0;
  #stamped = 0;
  #missing = 0;
  #highest: number | null = null;
  #lastStream: number | null = null;
  /** Of the frame that is coming in, and of the last one. */
  #layer = 0;
  #lastSpatialLayer: number | null = null;
  #firstPacketAt: number | null = null;
  #lastPacketAt: number | null = null;
  #lastFrameAt: number | null = null;
  /** Transit time of the packet before, and the smoothed difference, in ms (RFC 3550 appendix A.8). */
  #transit: number | null = null;
  #jitter = 0;

  constructor(kind: 'audio' | 'video', mimeType: string) {
    this.kind = kind;
    this.#codec = mimeType.toLowerCase();
    this.#ticksPerMs = kind === 'audio' ? 48 : 90;
  }

  /** Takes one RTP packet as it came. */
  take(packet: Buffer): void {
    const rtp = readRtp(packet);
    if (rtp === undefined) return;
    const now = performance.now();
    this.#packets += 1;
    this.#bytes += rtp.payload.length;
    this.#firstPacketAt ??= now;
    this.#lastPacketAt = now;
    this.#count(rtp.sequence);
    this.#time(now, rtp.timestamp);
    if (this.kind === 'video' && rtp.marker) {
      this.#frames += 1;
      if (this.#lastFrameAt !== null && now - this.#lastFrameAt > FREEZE) this.#freezes += 1;
      this.#lastFrameAt = now;
    }
    this.#picture(rtp.payload, rtp.marker);
    const stamp = readStamp(rtp.payload);
    if (stamp === undefined) return;
    const latency = (now + MONOTONIC - Number(stamp.sentAt) / 1e6) * 1000;
    this.#latency.add(latency);
    this.#latest = Math.max(this.#latest, latency);
    this.#stamped += 1;
    this.#lastStream = stamp.stream;
  }

  #picture(payload: Buffer, last: boolean): void {
    if (this.#codec === 'video/vp8' && readVp8(payload)?.key === true) this.#keyFrames += 1;
    if (this.#codec !== 'video/vp9') return;
    const read = readVp9(payload);
    if (read?.key === true) this.#keyFrames += 1;
    this.#layer = Math.max(this.#layer, read?.spatialLayer ?? 0);
    if (!last) return;
    this.#lastSpatialLayer = this.#layer;
    this.#layer = 0;
  }

  get packets(): number {
    return this.#packets;
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
      latency: this.#latencies(),
      lastStream: this.#lastStream,
      lastSpatialLayer: this.#lastSpatialLayer,
      lastPacketAt: this.#lastPacketAt,
    };
  }

  /** As `stats`, for adding up; latencies are since the last call. */
  read(): FlowReading {
    const latency = this.#latency.buckets();
    this.#earlier.addBuckets(latency);
    this.#latency.clear();
    return {
      packets: this.#packets,
      bytes: this.#bytes,
      missing: this.#missing,
      frames: this.#frames,
      keyFrames: this.#keyFrames,
      freezes: this.#freezes,
      firstPacketMs: this.#firstPacketAt === null ? null : this.#firstPacketAt - this.#openedAt,
      jitter: this.#jitter * 1000,
      latency,
    };
  }

  #time(now: number, timestamp: number): void {
    const transit = now - timestamp / this.#ticksPerMs;
    if (this.#transit !== null) {
      const difference = Math.abs(transit - this.#transit);
      // A source that begins anew has another clock: that is no jitter.
      if (difference < 1000) this.#jitter += (difference - this.#jitter) / 16;
    }
    this.#transit = transit;
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

  #latencies(): StreamStats['latency'] {
    const all = histogramOf(this.#earlier.buckets()).addBuckets(this.#latency.buckets());
    const [p50, p99] = [all.quantile(0.5), all.quantile(0.99)];
    if (p50 === null || p99 === null) return null;
    // Quantiles are upper bounds of their class; nothing was later than the latest.
    const at = (quantile: number): number => Math.min(quantile, this.#latest) / 1000;
    return { p50: at(p50), p99: at(p99), max: this.#latest / 1000 };
  }
}
