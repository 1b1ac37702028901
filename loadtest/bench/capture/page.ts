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
declare const connectTransport: (dtlsParameters: DtlsParameters) => Promise<void>;
declare const produceMedia: (media: {
  kind: 'audio' | 'video';
  rtpParameters: RtpParameters;
}) => Promise<string>;

async function publish(request: PublishRequest): Promise<void> {
  const device = await Device.factory();
  await device.load({ routerRtpCapabilities: request.routerRtpCapabilities });
  const transport = device.createSendTransport(request.transport);
  transport.on('connect', ({ dtlsParameters }, done, failed) => {
    connectTransport(dtlsParameters).then(done, failed);
  });
  transport.on('produce', ({ kind, rtpParameters }, done, failed) => {
    produceMedia({ kind, rtpParameters }).then((id) => done({ id }), failed);
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

Object.assign(globalThis, { publish });
