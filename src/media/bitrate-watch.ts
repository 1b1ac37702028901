import type { types } from 'mediasoup';
import type { Logger } from 'pino';
import { unattended } from './guard.ts';

/** Milliseconds between two looks at a transport that a peer sends on. */
const SAMPLE_MS = 2000;
/** The same where a peer is only sent to: there are more of these, and none of them is expected to be found. */
const FEEDBACK_SAMPLE_MS = 5000;
/**
 * What may come back from one who is sent media, in bit/s: RTCP (mediasoup does not count STUN). By their sizes it would
 * be two thirds of this for 40 Mbit/s, a sound and a picture of each of a hundred people, with every fourth packet of
 * the pictures asked for anew, twice: transport-wide feedback 0.05, a report for each stream and second 0.13, NACKs 1.1
 * Mbit/s.
 */
const FEEDBACK_BITRATE = 2_000_000;
/** What mediasoup asks senders to stay below (REMB) is overshot for moments by honest ones: key frames, layers. */
const TOLERANCE = 1.25;
/** Looks in a row that must find too much. */
const LOOKS = 2;

/**
 * Looks at what a transport receives, which mediasoup only asks its sender to bound. One question to the worker
 * every two seconds for each peer that sends, and every five for each that receives, however many packets and
 * subscribers there are.
 */
export class BitrateWatch {
  readonly #transport: types.WebRtcTransport;
  readonly #allowed: number;
  readonly #onExceeded: () => void;
  readonly #timer: NodeJS.Timeout;
  #before: { readonly at: number; readonly bytes: number } | undefined;
  #tooMuch = 0;
  #asking = false;

  /**
   * Watches until the transport closes.
   * @param sends bit/s that the peer may send on it; null for a transport on which it only receives
   * @param onExceeded called again for as long as it stays too much
   */
  constructor(
    transport: types.WebRtcTransport,
    sends: number | null,
    logger: Logger,
    onExceeded: () => void,
  ) {
    this.#transport = transport;
    this.#allowed = sends === null ? FEEDBACK_BITRATE : sends * TOLERANCE;
    this.#onExceeded = onExceeded;
    const everyMs = sends === null ? FEEDBACK_SAMPLE_MS : SAMPLE_MS;
    this.#timer = setInterval(() => unattended(logger, 'bitrate', this.#look()), everyMs);
    this.#timer.unref();
    transport.observer.once('close', () => clearInterval(this.#timer));
  }

  async #look(): Promise<void> {
    // A worker that is slow to answer is not asked twice.
    if (this.#asking || this.#transport.closed) return;
    this.#asking = true;
    const stats = await this.#transport.getStats().finally(() => {
      this.#asking = false;
    });
    const now = stats.map(({ timestamp, bytesReceived }) => ({ at: timestamp, bytes: bytesReceived }))[0];
    const before = this.#before;
    this.#before = now;
    if (now === undefined || before === undefined || now.at <= before.at || this.#transport.closed) return;
    const bitrate = ((now.bytes - before.bytes) * 8 * 1000) / (now.at - before.at);
    this.#tooMuch = bitrate > this.#allowed ? this.#tooMuch + 1 : 0;
    if (this.#tooMuch < LOOKS) return;
    this.#tooMuch = 0;
    this.#onExceeded();
  }
}

/** What arrives for some publications now, in bit/s, and the one that most of it is for. */
export async function arriving<P extends { readonly producer: types.Producer }>(
  publications: readonly P[],
): Promise<{ readonly total: number; readonly heaviest: P | undefined }> {
  let total = 0;
  let most = 0;
  let heaviest: P | undefined;
  for (const publication of publications) {
    const stats = await publication.producer.getStats();
    const bitrate = stats.reduce((sum, stream) => sum + stream.bitrate, 0);
    total += bitrate;
    if (bitrate > most) [most, heaviest] = [bitrate, publication];
  }
  return { total, heaviest };
}
