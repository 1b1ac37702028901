import { randomInt } from 'node:crypto';
import { HandlerInterface } from 'mediasoup-client/handlers/HandlerInterface';
import * as ortc from 'mediasoup-client/ortc';
import type {
  DtlsParameters,
  HandlerOptions,
  HandlerReceiveOptions,
  HandlerReceiveResult,
  HandlerSendOptions,
  HandlerSendResult,
  RtpEncodingParameters,
  RtpParameters,
} from 'mediasoup-client/types';
import type { Generator } from '../native/generator.ts';
import type { GeneratorCodec } from '../native/messages.ts';
import {
  AUDIO_LEVEL,
  encodingsOf,
  estimatingCapabilities,
  modeOf,
  TRANSPORT_SEQUENCE,
} from '../participant/capabilities.ts';
import { SyntheticTrack } from '../participant/synthetic-track.ts';
import { recordedCodecOf } from '../recordings/recording.ts';
import type { Route } from './engine.ts';
import type { Shapes } from './native-shapes.ts';

const NAME = 'NativeParticipant';
const DEFAULT_BITRATE = 600_000;
const TEMPORAL_LAYERS = 3;

export interface NativeHandlerOptions {
  readonly generator: Generator;
  readonly shapes: Shapes;
  /** Name of this handler's transport. */
  readonly transport: string;
  readonly bindAddress: string;
  readonly route?: Route;
  readonly onReceiver: (track: MediaStreamTrack, receiver: string) => void;
  /** Sets who is told of the transport's states; null for nobody. */
  readonly watch: (listener: ((state: string) => void) | null) => void;
}

interface Sending {
  readonly senders: readonly string[];
  /** Whether each encoding is wanted. */
  readonly wanted: boolean[];
  track: SyntheticTrack | null;
}

/** One direction of a participant's media, as mediasoup-client drives it, in the native generator. */
export class NativeHandler extends HandlerInterface {
  readonly #options: NativeHandlerOptions;
  readonly #far: HandlerOptions;
  readonly #cname = `native-${randomInt(2 ** 32 - 1)}`;
  readonly #sending = new Map<string, Sending>();
  readonly #receivers = new Set<string>();
  #started: Promise<void> | null = null;
  #nextId = 1;
  #closed = false;

  constructor(far: HandlerOptions, options: NativeHandlerOptions) {
    super();
    this.#far = far;
    this.#options = options;
    options.watch((state) => {
      if (this.#closed) return;
      if (state === 'connected' || state === 'disconnected' || state === 'failed' || state === 'closed')
        this.emit('@connectionstatechange', state);
    });
  }

  get name(): string {
    return NAME;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    for (const { track } of this.#sending.values()) if (track !== null) track.onSwitched = null;
    this.#options.watch(null);
    if (this.#started !== null)
      this.#quietly(this.#options.generator.closeTransport(this.#options.transport));
    this.emit('@close');
    this.removeAllListeners();
  }

  async restartIce(): Promise<void> {
    throw new Error('no ICE restart here');
  }

  /** What came over the transport: bytes of RTP, or a count that grows while the far end answers consent checks. */
  async getTransportStats(): Promise<RTCStatsReport> {
    const { transport, generator } = this.#options;
    const { receivers = {}, transports = {} } = await generator.stats({ detail: true });
    const own = [...this.#receivers].reduce((sum, name) => sum + (receivers[name]?.bytes ?? 0), 0);
    const { consents = 0, rtcpReceived = 0 } = transports[transport] ?? {};
    return new Map([
      ['transport', { type: 'transport', bytesReceived: own + Number(consents) + Number(rtcpReceived) }],
    ]);
  }

  async send({ track, encodings, codec }: HandlerSendOptions): Promise<HandlerSendResult> {
    if (!(track instanceof SyntheticTrack)) throw new TypeError('only synthetic tracks can be sent here');
    const { generator, shapes, transport } = this.#options;
    const parameters = ortc.getSendingRtpParameters(
      track.kind,
      this.#far.getSendExtendedRtpCapabilities(estimatingCapabilities()),
    );
    parameters.codecs = ortc.reduceCodecs(parameters.codecs, codec);
    const chosen = parameters.codecs[0];
    if (chosen === undefined) throw new Error('no codec in common');
    await this.#start(sequenceIdOf(parameters));
    const { mimeType } = chosen;
    parameters.encodings = encodingsOf(mimeType, encodings).map((encoding) => ({
      ...encoding,
      ssrc: randomInt(1, 2 ** 32 - 1),
      ...(track.kind === 'video' ? { scalabilityMode: modeOf(mimeType, TEMPORAL_LAYERS) } : {}),
    }));
    parameters.rtcp = { cname: this.#cname, reducedSize: true, mux: true };
    const levelId = parameters.headerExtensions?.find(({ uri }) => uri === AUDIO_LEVEL)?.id;
    const localId = String(this.#nextId++);
    const phase = randomInt(20_000);
    const senders: string[] = [];
    for (const {
      ssrc = 0,
      maxBitrate = DEFAULT_BITRATE,
      scaleResolutionDownBy: scale = 1,
    } of parameters.encodings) {
      const sender = `${transport}-s${ssrc}`;
      senders.push(sender);
      await generator.addSender({
        transport,
        sender,
        ssrc,
        pt: chosen.payloadType,
        clockRate: chosen.clockRate,
        codec: codecOf(mimeType),
        ...(track.kind === 'video' && { temporalLayers: TEMPORAL_LAYERS }),
        shape: await (track.kind === 'audio'
          ? shapes.audio(track.shape)
          : videoShape(shapes, track, mimeType, scale, maxBitrate)),
        cname: this.#cname,
        phase,
        active: track.enabled,
        ...(track.kind === 'audio' && levelId !== undefined && { extensions: [levelOf(levelId, track)] }),
      });
    }
    this.#sending.set(localId, { senders, wanted: senders.map(() => true), track });
    this.#follow(localId, track);
    return { localId, rtpParameters: parameters };
  }

  async stopSending(localId: string): Promise<void> {
    const sending = this.#sending.get(localId);
    if (sending === undefined) return;
    this.#sending.delete(localId);
    if (sending.track !== null) sending.track.onSwitched = null;
    for (const sender of sending.senders) this.#quietly(this.#options.generator.removeSender(sender));
  }

  async replaceTrack(localId: string, track: MediaStreamTrack | null): Promise<void> {
    const sending = this.#sending.get(localId);
    if (sending === undefined) return;
    if (track !== null && !(track instanceof SyntheticTrack))
      throw new TypeError('only synthetic tracks here');
    if (sending.track !== null) sending.track.onSwitched = null;
    sending.track = track;
    if (track !== null) this.#follow(localId, track);
    await this.#apply(localId);
  }

  async setMaxSpatialLayer(localId: string, spatialLayer: number): Promise<void> {
    const sending = this.#sending.get(localId);
    sending?.wanted.forEach((_, index) => {
      sending.wanted[index] = index <= spatialLayer;
    });
    await this.#apply(localId);
  }

  async setRtpEncodingParameters(localId: string, { active }: Partial<RtpEncodingParameters>): Promise<void> {
    if (active === undefined) return;
    this.#sending.get(localId)?.wanted.fill(active);
    await this.#apply(localId);
  }

  async getSenderStats(): Promise<RTCStatsReport> {
    return new Map();
  }

  async receive(optionsList: HandlerReceiveOptions[]): Promise<HandlerReceiveResult[]> {
    await this.#start();
    const { generator, transport, onReceiver } = this.#options;
    return Promise.all(
      optionsList.map(async ({ kind, rtpParameters }): Promise<HandlerReceiveResult> => {
        const { codecs, encodings = [] } = rtpParameters;
        const ssrc = encodings[0]?.ssrc ?? 0;
        const name = `${transport}-r${this.#nextId++}`;
        const rtx = encodings[0]?.rtx?.ssrc;
        const twcc = sequenceIdOf(rtpParameters);
        await generator.addReceiver({
          transport,
          receiver: name,
          ssrc,
          nack: kind === 'video',
          codec: codecOf(codecs[0]?.mimeType ?? ''),
          ...(codecs[0] !== undefined && { clockRate: codecs[0].clockRate }),
          ...(rtx !== undefined && { rtx: { ssrc: rtx } }),
          ...(twcc !== undefined && { twcc }),
        });
        this.#receivers.add(name);
        const track = new SyntheticTrack({ kind });
        onReceiver(track, name);
        return { localId: name, track };
      }),
    );
  }

  async stopReceiving(localIds: string[]): Promise<void> {
    for (const name of localIds) {
      if (this.#receivers.delete(name)) this.#quietly(this.#options.generator.removeReceiver(name));
    }
  }

  async getReceiverStats(): Promise<RTCStatsReport> {
    return new Map();
  }

  async updateIceServers(): Promise<void> {}
  async pauseSending(): Promise<void> {}
  async resumeSending(): Promise<void> {}
  async pauseReceiving(): Promise<void> {}
  async resumeReceiving(): Promise<void> {}

  async sendDataChannel(): Promise<never> {
    throw new Error('no data channels here');
  }

  async receiveDataChannel(): Promise<never> {
    throw new Error('no data channels here');
  }

  getDataChannelMaxMessageSize(): undefined {
    return undefined;
  }

  /** Once: tells the transport of our certificate, and only then knocks, or the first hello would be lost. */
  #start(twcc?: number): Promise<void> {
    this.#started ??= this.#connect(twcc);
    return this.#started;
  }

  async #connect(twcc: number | undefined): Promise<void> {
    const { generator, transport, bindAddress, route } = this.#options;
    const { iceParameters, iceCandidates, dtlsParameters } = this.#far;
    const parameters: DtlsParameters = {
      role: 'client',
      fingerprints: [{ algorithm: 'sha-256', value: generator.fingerprint.value }],
    };
    this.emit('@connectionstatechange', 'connecting');
    await new Promise<void>((resolve, reject) =>
      this.emit('@connect', { dtlsParameters: parameters }, resolve, reject),
    );
    const reachable = iceCandidates.filter(
      ({ protocol, address }) => protocol === 'udp' && address.includes(':') === bindAddress.includes(':'),
    );
    const direct = reachable.map(({ address, port }) => ({ ip: address, port }));
    const candidates = route === undefined ? direct : await Promise.all(direct.map(route));
    await generator.addTransport({
      transport,
      bind: bindAddress,
      ice: { ufrag: iceParameters.usernameFragment, pwd: iceParameters.password },
      candidates,
      fingerprints: dtlsParameters.fingerprints,
      ...(twcc !== undefined && { twcc }),
    });
  }

  #follow(localId: string, track: SyntheticTrack): void {
    track.onSwitched = () => this.#quietly(this.#apply(localId));
  }

  /** Sends what is wanted of an enabled track. */
  async #apply(localId: string): Promise<void> {
    const sending = this.#sending.get(localId);
    if (sending === undefined || this.#closed) return;
    const { senders, wanted, track } = sending;
    const on = track?.enabled === true && track.readyState === 'live';
    await Promise.all(
      senders.map((sender, index) =>
        this.#options.generator.setSender({ sender, active: on && wanted[index] === true }),
      ),
    );
  }

  /** What fails here does so because the transport is gone, or the generator, and that is told elsewhere. */
  #quietly(work: Promise<unknown>): void {
    work.catch(() => undefined);
  }
}

function videoShape(
  shapes: Shapes,
  track: SyntheticTrack,
  mimeType: string,
  scale: number,
  maxBitrate: number,
): Promise<string> {
  const { width = 640, height = 360, frameRate = 25, fill = 0.5 } = track.shape;
  const recorded = recordedCodecOf(mimeType);
  if (recorded !== undefined) return shapes.recorded(recorded, frameRate, Math.round(maxBitrate * fill));
  const pixels = (full: number): number => Math.max(16, Math.round(full / scale / 2) * 2);
  return shapes.video(pixels(width), pixels(height), frameRate, Math.round(maxBitrate * fill));
}

/** RFC 6464, one-byte form: voice activity, and the level below full. */
function levelOf(id: number, { shape }: SyntheticTrack): { id: number; data: string } {
  return { id, data: Buffer.from([0x80 | (shape.audioLevel ?? 30)]).toString('base64') };
}

/** The header extension that has the transport-wide sequence number. */
function sequenceIdOf({ headerExtensions = [] }: RtpParameters): number | undefined {
  return headerExtensions.find(({ uri }) => uri === TRANSPORT_SEQUENCE)?.id;
}

function codecOf(mimeType: string): GeneratorCodec {
  switch (mimeType.toLowerCase()) {
    case 'audio/opus':
      return 'opus';
    case 'video/vp8':
      return 'vp8';
    case 'video/vp9':
      return 'vp9';
    default:
      return 'none';
  }
}
