import { randomInt } from 'node:crypto';
import * as ortc from 'mediasoup-client/ortc';
import type {
  DtlsParameters,
  HandlerOptions,
  HandlerSendOptions,
  HandlerSendResult,
  RtpEncodingParameters,
  RtpParameters,
} from 'mediasoup-client/types';
import { Audio, type Track, Video } from 'node-datachannel';
import { AUDIO_LEVEL, encodingsOf, modeOf, nativeCapabilities } from './capabilities.ts';
import { opusSource, videoSource } from './frame-source.ts';
import type { PeerLink } from './peer-link.ts';
import { isRtcp } from './rtp.ts';
import { RtpStream, type SendStats } from './rtp-sender.ts';
import type { MediaLine } from './sdp.ts';
import { SyntheticTrack } from './synthetic-track.ts';

/** SSRCs of one media line: as many as it may ever need, since a line is used again after its producer closed. */
const SSRCS_PER_LINE = 3;
/** Milliseconds; more than two frames. */
const REPORT_OFFSET = 100;
const DEFAULT_BITRATE = 600_000;

/** A media line of our offers, and the node-datachannel track on it. */
interface Line {
  readonly media: MediaLine;
  readonly track: Track;
  readonly ssrcs: readonly number[];
  /**
   * Sequence number last used with each SSRC: SRTP's replay protection spans producers, so the next one on the
   * same SSRC goes on from there.
   */
  readonly sequences: Map<number, number>;
  free: boolean;
}

interface Sending {
  readonly line: Line;
  readonly streams: RtpStream[];
  track: SyntheticTrack | null;
}

/** The sending side of a handler: a media line per producer, an RTP stream per encoding. */
export class Sender {
  readonly #link: PeerLink;
  readonly #connect: (parameters: DtlsParameters) => Promise<void>;
  readonly #extended: HandlerOptions['getSendExtendedRtpCapabilities'];
  readonly #cname = `synthetic-${randomInt(2 ** 32 - 1)}`;
  readonly #lines: Line[] = [];
  readonly #sending = new Map<string, Sending>();
  #nextId = 1;
  #rtcpBytes = 0;

  constructor(
    link: PeerLink,
    connect: (parameters: DtlsParameters) => Promise<void>,
    extended: HandlerOptions['getSendExtendedRtpCapabilities'],
  ) {
    this.#link = link;
    this.#connect = connect;
    this.#extended = extended;
  }

  /** Bytes of RTCP received: the far end is alive. */
  get rtcpBytes(): number {
    return this.#rtcpBytes;
  }

  async send({ track, encodings, codec }: HandlerSendOptions): Promise<HandlerSendResult> {
    if (!(track instanceof SyntheticTrack)) throw new TypeError('only synthetic tracks can be sent here');
    const parameters = ortc.getSendingRtpParameters(track.kind, this.#extended(nativeCapabilities()));
    parameters.codecs = ortc.reduceCodecs(parameters.codecs, codec);
    const [codecInUse] = parameters.codecs;
    const line = this.#lines.find(
      ({ free, media }) =>
        free && media.codecs.some(({ payloadType }) => payloadType === codecInUse?.payloadType),
    );
    const used = line ?? (await this.#addLine(track.kind, parameters.codecs));
    used.free = false;
    const wanted = encodingsOf(codecInUse?.mimeType ?? '', encodings).slice(0, SSRCS_PER_LINE);
    parameters.encodings = wanted.map((encoding, index) => ({
      ...encoding,
      ssrc: used.ssrcs[index] ?? 0,
      ...(track.kind === 'video' ? { scalabilityMode: modeOf(codecInUse?.mimeType ?? '', 1) } : {}),
    }));
    parameters.rtcp = { cname: this.#cname, reducedSize: true, mux: true };
    const sending: Sending = { line: used, streams: [], track };
    sending.streams.push(...this.#streams(sending, parameters, parameters.encodings));
    const localId = String(this.#nextId++);
    this.#sending.set(localId, sending);
    return { localId, rtpParameters: parameters };
  }

  stop(localId: string): void {
    const sending = this.#sending.get(localId);
    if (sending === undefined) return;
    this.#sending.delete(localId);
    for (const stream of sending.streams) {
      stream.close();
      sending.line.sequences.set(stream.ssrc, stream.sequence);
    }
    sending.line.free = true;
  }

  replaceTrack(localId: string, track: MediaStreamTrack | null): void {
    if (track !== null && !(track instanceof SyntheticTrack)) {
      throw new TypeError('only synthetic tracks can be sent here');
    }
    this.#get(localId).track = track;
  }

  setActive(localId: string, isActive: (index: number) => boolean): void {
    this.#get(localId).streams.forEach((stream, index) => {
      stream.active = isActive(index);
    });
  }

  stats(localId: string): Map<string, SendStats> {
    return new Map(this.#get(localId).streams.map((stream) => [String(stream.ssrc), stream.stats()]));
  }

  close(): void {
    for (const localId of [...this.#sending.keys()]) this.stop(localId);
    for (const { track } of this.#lines) track.close();
  }

  #get(localId: string): Sending {
    const sending = this.#sending.get(localId);
    if (sending === undefined) throw new Error('no such sender');
    return sending;
  }

  async #addLine(kind: 'audio' | 'video', codecs: RtpParameters['codecs']): Promise<Line> {
    const mid = String(this.#lines.length);
    const ssrcs = Array.from({ length: SSRCS_PER_LINE }, () => randomInt(1, 2 ** 32 - 1));
    const description = kind === 'audio' ? new Audio(mid, 'SendOnly') : new Video(mid, 'SendOnly');
    for (const { payloadType, mimeType } of codecs) {
      const name = mimeType.slice(mimeType.indexOf('/') + 1);
      if (description instanceof Audio) description.addAudioCodec(payloadType, name);
      else description.addVideoCodec(payloadType, name);
    }
    for (const ssrc of ssrcs) description.addSSRC(ssrc, this.#cname);
    const track = this.#link.connection.addTrack(description);
    const line: Line = {
      media: { kind, mid, direction: 'recvonly', codecs, ssrcs: [] },
      track,
      ssrcs,
      sequences: new Map(ssrcs.map((ssrc) => [ssrc, randomInt(0x8000)])),
      free: false,
    };
    this.#lines.push(line);
    track.onMessage((message) => {
      if (!isRtcp(message)) return;
      this.#rtcpBytes += message.length;
      for (const { streams } of this.#sending.values()) {
        for (const stream of streams) stream.onRtcp(message);
      }
    });
    await this.#link.offer(
      this.#lines.map(({ media }) => media),
      this.#connect,
    );
    return line;
  }

  #streams(sending: Sending, parameters: RtpParameters, encodings: RtpEncodingParameters[]): RtpStream[] {
    const codec = parameters.codecs[0];
    const shape = sending.track?.shape;
    if (codec === undefined || shape === undefined) throw new Error('nothing to send');
    const { track } = sending.line;
    const sink = {
      isOpen: () => track.isOpen(),
      send: (packet: Buffer) => {
        try {
          return track.sendMessageBinary(packet);
        } catch {
          // The track closed in between.
          return false;
        }
      },
    };
    const levelId = parameters.headerExtensions?.find(({ uri }) => uri === AUDIO_LEVEL)?.id;
    const audio = shape.kind === 'audio';
    return encodings.map(({ ssrc, scaleResolutionDownBy: scale = 1, maxBitrate }, index) => {
      const bitrate = (maxBitrate ?? DEFAULT_BITRATE) * (shape.fill ?? 0.5);
      const pixels = (full: number): number => Math.max(16, Math.round(full / scale / 2) * 2);
      return new RtpStream(
        {
          ssrc: ssrc ?? 0,
          sequence: sending.line.sequences.get(ssrc ?? 0) ?? 0,
          payloadType: codec.payloadType,
          clockRate: codec.clockRate,
          cname: this.#cname,
          marksFrames: !audio,
          // mediasoup looks for a better layer when the clock of the one it sends becomes known: by then those
          // of the higher ones must be. (With bandwidth estimation, which browsers have, it looks again later.)
          reportOffset: (encodings.length - 1 - index) * REPORT_OFFSET,
          isWanted: () => sending.track?.enabled === true && sending.track.readyState === 'live',
          source: audio
            ? opusSource(shape.audioBytes ?? 80)
            : videoSource(codec.mimeType, {
                width: pixels(shape.width ?? 640),
                height: pixels(shape.height ?? 360),
                frameRate: shape.frameRate ?? 25,
                bitrate,
              }),
          ...(audio && levelId !== undefined
            ? { audioLevel: { id: levelId, level: shape.audioLevel ?? 30 } }
            : {}),
        },
        sink,
      );
    });
  }
}
