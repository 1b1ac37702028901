import { randomBytes, randomInt } from 'node:crypto';
import type { FrameSource } from './frame-source.ts';
import { readFeedback, senderReport } from './rtcp.ts';
import { type AudioLevel, rtpPacket } from './rtp.ts';
import { writeStamp } from './stamp.ts';
import { sentTotals } from './totals.ts';

/** The way out: RTP and RTCP packets, before SRTP. False while it is not open. */
export interface PacketSink {
  isOpen(): boolean;
  /** False where it could not be sent. */
  send(packet: Buffer): boolean;
}

export interface RtpStreamOptions {
  readonly ssrc: number;
  readonly payloadType: number;
  /** The number before the first packet's. */
  readonly sequence: number;
  readonly clockRate: number;
  readonly cname: string;
  readonly source: FrameSource;
  /** Video: the last packet of a frame carries the marker bit. */
  readonly marksFrames: boolean;
  readonly audioLevel?: AudioLevel;
  /** Milliseconds by which this stream's reports come later than those of others of the same source. */
  readonly reportOffset: number;
  /** Whether anything is to be sent at the moment. */
  readonly isWanted: () => boolean;
}

/** Milliseconds from one sender report to the next. */
const REPORT_EVERY = 1000;
/** The same for the first few, so that a subscriber need not wait for seconds before it may switch streams. */
const FIRST_REPORTS_EVERY = 200;
const FIRST_REPORTS = 4;
/** Packets kept for retransmission. */
const HISTORY = 512;

export interface SendStats {
  /** The number that this stream's stamps carry. */
  readonly stream: number;
  readonly packets: number;
  readonly bytes: number;
  readonly keyFrameRequests: number;
  readonly retransmitted: number;
  /** Packets that the library did not take. */
  readonly refused: number;
}

/** Sends one RTP stream: frames in time, sender reports, retransmissions, and key frames on request. */
export class RtpStream {
  readonly ssrc: number;
  active = true;
  readonly #options: RtpStreamOptions;
  readonly #sink: PacketSink;
  readonly #stream = randomBytes(4).readUInt32BE(0);
  readonly #history = new Map<number, Buffer>();
  #sequence: number;
  #timestamp = randomInt(2 ** 32 - 1);
  #lastFrameAt = 0;
  #nextReportAt = 0;
  #reports = 0;
  #nextFrameAt: number;
  #timer: NodeJS.Timeout | undefined;
  #count = 0;
  #bytes = 0;
  #keyFrameRequests = 0;
  #retransmitted = 0;
  #refused = 0;
  #running = false;

  constructor(options: RtpStreamOptions, sink: PacketSink) {
    this.#options = options;
    this.#sink = sink;
    this.ssrc = options.ssrc;
    this.#sequence = options.sequence;
    this.#nextFrameAt = performance.now();
    this.#schedule();
  }

  /** The number of the last packet. */
  get sequence(): number {
    return this.#sequence;
  }

  /** RTCP that came for the sender; what is about other streams is passed over. */
  onRtcp(packet: Buffer): void {
    for (const feedback of readFeedback(packet)) {
      if (feedback.ssrc !== this.ssrc) continue;
      if (feedback.kind === 'keyFrame') {
        this.#keyFrameRequests += 1;
        this.#options.source.requestKeyFrame();
      } else {
        for (const sequence of feedback.sequences) this.#retransmit(sequence);
      }
    }
  }

  stats(): SendStats {
    return {
      stream: this.#stream,
      packets: this.#count,
      bytes: this.#bytes,
      keyFrameRequests: this.#keyFrameRequests,
      retransmitted: this.#retransmitted,
      refused: this.#refused,
    };
  }

  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#history.clear();
    this.active = false;
  }

  #schedule(): void {
    // By the clock, not from now: a late timer does not slow the stream down.
    const wait = Math.max(0, this.#nextFrameAt - performance.now());
    this.#timer = setTimeout(() => {
      this.#tick();
      if (this.#timer !== undefined) this.#schedule();
    }, wait);
  }

  #tick(): void {
    const { source, isWanted } = this.#options;
    const now = performance.now();
    this.#nextFrameAt += source.interval;
    // After a long stop (a suspended machine) the missed frames are not made up for.
    if (now - this.#nextFrameAt > 1000) this.#nextFrameAt = now + source.interval;
    this.#timestamp = (this.#timestamp + source.ticks) >>> 0;
    const wanted = this.active && isWanted() && this.#sink.isOpen();
    if (!wanted) {
      this.#running = false;
      return;
    }
    // Whoever watches begins at a key frame after a break.
    if (!this.#running) {
      source.requestKeyFrame();
      this.#reports = 0;
      this.#nextReportAt = now + this.#options.reportOffset;
    }
    this.#running = true;
    this.#lastFrameAt = Date.now();
    this.#sendFrame(source);
    if (now >= this.#nextReportAt) this.#report();
  }

  #sendFrame(source: FrameSource): void {
    const { payloadType, ssrc, audioLevel, marksFrames } = this.#options;
    const payloads = source.next();
    payloads.forEach(({ bytes, stampAt }, index) => {
      if (stampAt !== null) {
        const stamp = { stream: this.#stream, count: this.#count, sentAt: process.hrtime.bigint() };
        writeStamp(bytes, stamp, stampAt);
      }
      this.#sequence = (this.#sequence + 1) & 0xffff;
      const marker = marksFrames && index === payloads.length - 1;
      const header = { payloadType, marker, sequence: this.#sequence, timestamp: this.#timestamp, ssrc };
      const packet = rtpPacket(header, bytes, audioLevel);
      this.#history.set(this.#sequence, packet);
      this.#history.delete((this.#sequence - HISTORY) & 0xffff);
      this.#count += 1;
      this.#bytes += bytes.length;
      if (this.#sink.send(packet)) {
        sentTotals.packets += 1;
        sentTotals.bytes += bytes.length;
      } else this.#refused += 1;
    });
  }

  #report(): void {
    this.#reports += 1;
    this.#nextReportAt += this.#reports < FIRST_REPORTS ? FIRST_REPORTS_EVERY : REPORT_EVERY;
    this.#sink.send(
      senderReport({
        ssrc: this.ssrc,
        wallMs: this.#lastFrameAt,
        timestamp: this.#timestamp,
        packets: this.#count,
        bytes: this.#bytes,
        cname: this.#options.cname,
      }),
    );
  }

  #retransmit(sequence: number): void {
    const packet = this.#history.get(sequence);
    if (packet === undefined || !this.#sink.isOpen()) return;
    this.#retransmitted += 1;
    this.#sink.send(packet);
  }
}
