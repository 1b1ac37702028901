import type { types } from 'mediasoup';
import type { Generator } from '../generator.ts';
import type { NewSender, NewTransport } from '../messages.ts';

export const VIDEO = { mimeType: 'video/VP8', payloadType: 96, clockRate: 90_000 } as const;
export const FEEDBACK = [{ type: 'nack' }, { type: 'nack', parameter: 'pli' }];
const PUBLISHED = 1111;

/** What the two ends of a call are made of. */
export interface Ends {
  readonly generator: Generator;
  readonly router: types.Router;
  readonly server: types.WebRtcServer;
}

/** A transport of the worker's, with the generator's end of it on its way to connect. */
export async function connect(
  { generator, router, server }: Ends,
  name: string,
  more: Partial<NewTransport> = {},
): Promise<types.WebRtcTransport> {
  const transport = await router.createWebRtcTransport({
    webRtcServer: server,
    enableTcp: more.tcp === true,
  });
  const fingerprints = [{ algorithm: 'sha-256', value: generator.fingerprint.value } as const];
  await transport.connect({ dtlsParameters: { role: 'client', fingerprints } });
  await generator.addTransport({ transport: name, bind: '127.0.0.1', ...farEnd(transport), ...more });
  return transport;
}

/** The worker's end, as the generator is told of it. */
export function farEnd(transport: types.WebRtcTransport) {
  return {
    ice: { ufrag: transport.iceParameters.usernameFragment, pwd: transport.iceParameters.password },
    candidates: transport.iceCandidates.map(({ address, port }) => ({ ip: address, port })),
    fingerprints: transport.dtlsParameters.fingerprints,
  };
}

/** A producer for what {@link send} will send. */
export function publish(transport: types.WebRtcTransport): Promise<types.Producer> {
  return transport.produce({
    kind: 'video',
    rtpParameters: {
      codecs: [
        { ...VIDEO, rtcpFeedback: FEEDBACK },
        { mimeType: 'video/rtx', payloadType: 97, clockRate: 90_000, parameters: { apt: 96 } },
      ],
      encodings: [{ ssrc: PUBLISHED, rtx: { ssrc: PUBLISHED + 1 } }],
      rtcp: { cname: 'test' },
    },
  });
}

/** A consumer on the transport, and the generator's receiver for it. */
export async function subscribe(
  { generator, router }: Ends,
  transport: types.WebRtcTransport,
  producer: types.Producer,
  as: { readonly transport: string; readonly receiver: string; readonly nack: boolean },
): Promise<types.Consumer> {
  const consumer = await transport.consume({
    producerId: producer.id,
    rtpCapabilities: router.rtpCapabilities,
  });
  const [encoding] = consumer.rtpParameters.encodings ?? [];
  if (encoding?.ssrc === undefined || encoding.rtx === undefined) throw new Error('no SSRC or no RTX');
  await generator.addReceiver({
    ...as,
    ssrc: encoding.ssrc,
    rtx: { ssrc: encoding.rtx.ssrc },
    clockRate: VIDEO.clockRate,
    codec: 'vp8',
  });
  return consumer;
}

/** Sends the shape `video` as `sender`. */
export async function send(
  generator: Generator,
  transport: string,
  more: Partial<NewSender> = {},
): Promise<void> {
  await generator.addSender({
    transport,
    sender: 'sender',
    shape: 'video',
    codec: 'vp8',
    ssrc: PUBLISHED,
    pt: VIDEO.payloadType,
    rtx: { ssrc: PUBLISHED + 1, pt: 97 },
    clockRate: VIDEO.clockRate,
    stream: 7,
    ...more,
  });
}
