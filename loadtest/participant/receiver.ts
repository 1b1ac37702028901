import type {
  DtlsParameters,
  HandlerReceiveOptions,
  HandlerReceiveResult,
  RtpParameters,
} from 'mediasoup-client/types';
import type { Track } from 'node-datachannel';
import { StreamMeter, type StreamStats } from './meter.ts';
import type { PeerLink } from './peer-link.ts';
import { isRtcp } from './rtp.ts';
import type { MediaLine } from './sdp.ts';
import { SyntheticTrack } from './synthetic-track.ts';

interface Receiving {
  readonly kind: 'audio' | 'video';
  readonly ssrcs: readonly number[];
  readonly codecs: RtpParameters['codecs'];
  readonly meter: StreamMeter;
}

/**
 * The receiving side of a handler. All sound comes over one media line and all pictures over another: packets
 * are told apart by SSRC, so that a meeting of any size costs two lines and one negotiation per batch.
 */
export class Receiver {
  readonly #link: PeerLink;
  readonly #connect: (parameters: DtlsParameters) => Promise<void>;
  readonly #receiving = new Map<string, Receiving>();
  readonly #bySsrc = new Map<number, StreamMeter>();
  /** Payload types ever seen on a line; they stay in its description. */
  readonly #codecs = {
    audio: new Map<number, RtpParameters['codecs'][number]>(),
    video: new Map<number, RtpParameters['codecs'][number]>(),
  };
  /** Kinds in the order in which their lines came to be. */
  readonly #kinds: ('audio' | 'video')[] = [];
  /** Unless something keeps them, tracks are collected, and their callbacks with them. */
  readonly #tracks: Track[] = [];
  #nextId = 1;
  #bytes = 0;

  constructor(link: PeerLink, connect: (parameters: DtlsParameters) => Promise<void>) {
    this.#link = link;
    this.#connect = connect;
    link.connection.onTrack((track) => {
      this.#tracks.push(track);
      track.onMessage((message) => this.#take(message));
    });
  }

  /** Bytes of RTP and RTCP received. */
  get bytes(): number {
    return this.#bytes;
  }

  async receive(optionsList: readonly HandlerReceiveOptions[]): Promise<HandlerReceiveResult[]> {
    const results = optionsList.map(({ kind, rtpParameters }) => {
      const { codecs } = rtpParameters;
      const ssrcs = (rtpParameters.encodings ?? []).flatMap(({ ssrc }) => (ssrc === undefined ? [] : [ssrc]));
      const meter = new StreamMeter(kind, codecs[0]?.mimeType ?? '');
      const localId = String(this.#nextId++);
      this.#receiving.set(localId, { kind, ssrcs, codecs, meter });
      for (const ssrc of ssrcs) this.#bySsrc.set(ssrc, meter);
      for (const codec of codecs) this.#codecs[kind].set(codec.payloadType, codec);
      if (!this.#kinds.includes(kind)) this.#kinds.push(kind);
      return { localId, track: new SyntheticTrack({ kind }, meter) };
    });
    await this.#negotiate();
    return results;
  }

  /** What is not received any more leaves the description with the next batch: nothing comes for it anyway. */
  async stop(localIds: readonly string[]): Promise<void> {
    for (const localId of localIds) {
      for (const ssrc of this.#receiving.get(localId)?.ssrcs ?? []) this.#bySsrc.delete(ssrc);
      this.#receiving.delete(localId);
    }
  }

  stats(localId: string): Map<string, StreamStats> {
    const receiving = this.#receiving.get(localId);
    return new Map(receiving === undefined ? [] : [['inbound', receiving.meter.stats()]]);
  }

  close(): void {
    for (const track of this.#tracks) track.close();
    this.#receiving.clear();
    this.#bySsrc.clear();
  }

  async #negotiate(): Promise<void> {
    const lines = this.#kinds.map(
      (kind, index): MediaLine => ({
        kind,
        mid: String(index),
        direction: 'sendonly',
        codecs: [...this.#codecs[kind].values()],
        ssrcs: [...this.#receiving.values()].flatMap((stream) => (stream.kind === kind ? stream.ssrcs : [])),
      }),
    );
    await this.#link.answer(lines, this.#connect);
  }

  #take(message: Buffer): void {
    this.#bytes += message.length;
    if (message.length < 12 || isRtcp(message)) return;
    this.#bySsrc.get(message.readUInt32BE(8))?.take(message);
  }
}
