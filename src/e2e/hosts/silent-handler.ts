import { HandlerInterface } from 'mediasoup-client/handlers/HandlerInterface';
import type {
  HandlerFactory,
  HandlerReceiveDataChannelResult,
  HandlerReceiveResult,
  HandlerSendDataChannelResult,
  HandlerSendResult,
} from 'mediasoup-client/types';

/** For participants without media: they can play no codec, so that no node makes consumers for them. */
export const silentHandlerFactory: HandlerFactory = {
  name: 'Silent',
  factory: () => new SilentHandler(),
  getNativeRtpCapabilities: async () => ({ codecs: [], headerExtensions: [] }),
};

class SilentHandler extends HandlerInterface {
  get name(): string {
    return 'Silent';
  }

  close(): void {
    this.emit('@close');
    this.removeAllListeners();
  }

  getDataChannelMaxMessageSize(): undefined {
    return undefined;
  }
  async updateIceServers(): Promise<void> {}
  async restartIce(): Promise<void> {}
  async getTransportStats(): Promise<RTCStatsReport> {
    return new Map();
  }
  async send(): Promise<HandlerSendResult> {
    return none();
  }
  async stopSending(): Promise<void> {}
  async pauseSending(): Promise<void> {}
  async resumeSending(): Promise<void> {}
  async replaceTrack(): Promise<void> {}
  async setMaxSpatialLayer(): Promise<void> {}
  async setRtpEncodingParameters(): Promise<void> {}
  async getSenderStats(): Promise<RTCStatsReport> {
    return new Map();
  }
  async sendDataChannel(): Promise<HandlerSendDataChannelResult> {
    return none();
  }
  async receive(): Promise<HandlerReceiveResult[]> {
    return none();
  }
  async stopReceiving(): Promise<void> {}
  async pauseReceiving(): Promise<void> {}
  async resumeReceiving(): Promise<void> {}
  async getReceiverStats(): Promise<RTCStatsReport> {
    return new Map();
  }
  async receiveDataChannel(): Promise<HandlerReceiveDataChannelResult> {
    return none();
  }
}

function none(): never {
  throw new Error('this participant has no media');
}
