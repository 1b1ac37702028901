import { HandlerInterface } from 'mediasoup-client/handlers/HandlerInterface';
import type {
  DtlsParameters,
  HandlerFactory,
  HandlerOptions,
  HandlerReceiveOptions,
  HandlerReceiveResult,
  HandlerSendOptions,
  HandlerSendResult,
  RtpEncodingParameters,
} from 'mediasoup-client/types';
import { nativeCapabilities } from './capabilities.ts';
import { PeerLink, type PeerLinkOptions } from './peer-link.ts';
import { Receiver } from './receiver.ts';
import { Sender } from './sender.ts';

const NAME = 'SyntheticParticipant';

/** For `Device.factory({ handlerFactory })`: WebRTC in Node over node-datachannel. */
export function syntheticHandlerFactory(options: PeerLinkOptions = {}): HandlerFactory {
  return {
    name: NAME,
    factory: (handlerOptions) => new SyntheticHandler(handlerOptions, options),
    getNativeRtpCapabilities: async () => nativeCapabilities(),
  };
}

/** One direction of a synthetic participant's media, as mediasoup-client drives it. No data channels. */
class SyntheticHandler extends HandlerInterface {
  readonly #link: PeerLink;
  readonly #sender: Sender;
  readonly #receiver: Receiver;
  #closed = false;

  constructor(options: HandlerOptions, linkOptions: PeerLinkOptions) {
    super();
    this.#link = new PeerLink(options, linkOptions, (state) => {
      if (!this.#closed && state !== 'closed') this.emit('@connectionstatechange', state);
    });
    const connect = (dtlsParameters: DtlsParameters): Promise<void> =>
      new Promise((resolve, reject) => this.emit('@connect', { dtlsParameters }, resolve, reject));
    this.#sender = new Sender(this.#link, connect, options.getSendExtendedRtpCapabilities);
    this.#receiver = new Receiver(this.#link, connect);
  }

  get name(): string {
    return NAME;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#sender.close();
    this.#receiver.close();
    this.#link.close();
    this.emit('@close');
    this.removeAllListeners();
  }

  /** The library has none (`restartsIce: false` of the environment says so to the client). */
  async restartIce(): Promise<void> {
    throw new Error('no ICE restart here');
  }

  async getTransportStats(): Promise<RTCStatsReport> {
    const bytesReceived = this.#sender.rtcpBytes + this.#receiver.bytes;
    return new Map([['transport', { type: 'transport', bytesReceived }]]);
  }

  async send(options: HandlerSendOptions): Promise<HandlerSendResult> {
    return this.#sender.send(options);
  }

  async stopSending(localId: string): Promise<void> {
    this.#sender.stop(localId);
  }

  async replaceTrack(localId: string, track: MediaStreamTrack | null): Promise<void> {
    this.#sender.replaceTrack(localId, track);
  }

  async setMaxSpatialLayer(localId: string, spatialLayer: number): Promise<void> {
    this.#sender.setActive(localId, (index) => index <= spatialLayer);
  }

  async setRtpEncodingParameters(localId: string, { active }: Partial<RtpEncodingParameters>): Promise<void> {
    if (active !== undefined) this.#sender.setActive(localId, () => active);
  }

  /** What this end counted, by SSRC; not the browser's report. */
  async getSenderStats(localId: string): Promise<RTCStatsReport> {
    return this.#sender.stats(localId);
  }

  async receive(optionsList: HandlerReceiveOptions[]): Promise<HandlerReceiveResult[]> {
    return this.#receiver.receive(optionsList);
  }

  async stopReceiving(localIds: string[]): Promise<void> {
    await this.#receiver.stop(localIds);
  }

  async getReceiverStats(localId: string): Promise<RTCStatsReport> {
    return this.#receiver.stats(localId);
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
}
