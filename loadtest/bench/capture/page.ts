// Runs in the browser: publishes one source through mediasoup-client. Bundled by capture.ts.
import { Device } from 'mediasoup-client';
import type {
  DtlsParameters,
  RtpCapabilities,
  RtpParameters,
  TransportOptions,
} from 'mediasoup-client/types';

/** What the page is told. */
export interface PublishRequest {
  readonly routerRtpCapabilities: RtpCapabilities;
  readonly transport: TransportOptions;
  readonly source: 'camera' | 'simulcast' | 'microphone';
}

/** Provided by capture.ts. */
interface Bindings {
  connectTransport(dtlsParameters: DtlsParameters): Promise<void>;
  produceMedia(media: { kind: 'audio' | 'video'; rtpParameters: RtpParameters }): Promise<string>;
}

const bindings = globalThis as typeof globalThis & Bindings & { publish?: typeof publish };

async function publish(request: PublishRequest): Promise<void> {
  const device = await Device.factory();
  await device.load({ routerRtpCapabilities: request.routerRtpCapabilities });
  const transport = device.createSendTransport(request.transport);
  transport.on('connect', ({ dtlsParameters }, done, failed) => {
    bindings.connectTransport(dtlsParameters).then(done, failed);
  });
  transport.on('produce', ({ kind, rtpParameters }, done, failed) => {
    bindings.produceMedia({ kind, rtpParameters }).then((id) => done({ id }), failed);
  });
  const stream = await navigator.mediaDevices.getUserMedia(
    request.source === 'microphone'
      ? { audio: true }
      : { video: { width: 1280, height: 720, frameRate: 30 } },
  );
  const track = stream.getTracks()[0];
  if (track === undefined) throw new Error('no track');
  await transport.produce({
    track,
    ...(request.source === 'simulcast'
      ? {
          encodings: [
            { scaleResolutionDownBy: 4, maxBitrate: 150_000 },
            { scaleResolutionDownBy: 2, maxBitrate: 500_000 },
            { maxBitrate: 1_700_000 },
          ],
        }
      : {}),
  });
}

bindings.publish = publish;
