import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import { createWorker, type types } from 'mediasoup';
import { dtls, type IceCredentials, mutate, rtcp, rtp, type Stream, stun } from './packets.ts';
import { type Random, seededRandom } from './random.ts';

export interface FuzzOptions {
  readonly workerBin: string;
  readonly seed: number;
  /** Ends after this long, or after this many packets. */
  readonly until: { readonly ms: number } | { readonly packets: number };
  /** Told now and then of the packets sent so far. */
  readonly onProgress?: (packets: number) => void;
}

/** Packets between two questions whether the worker still answers: what it is behind by, at most. */
const ROUND = 200;
const ANSWER_MS = 60_000;

const codecs: types.RouterRtpCodecCapability[] = [
  { kind: 'audio', mimeType: 'audio/opus', clockRate: 48000, channels: 2, preferredPayloadType: 100 },
  { kind: 'video', mimeType: 'video/VP8', clockRate: 90000, preferredPayloadType: 101 },
  { kind: 'video', mimeType: 'video/VP9', clockRate: 90000, preferredPayloadType: 103 },
  {
    kind: 'video',
    mimeType: 'video/H264',
    clockRate: 90000,
    preferredPayloadType: 105,
    parameters: { 'packetization-mode': 1, 'profile-level-id': '42e01f', 'level-asymmetry-allowed': 1 },
  },
  { kind: 'video', mimeType: 'video/AV1', clockRate: 90000, preferredPayloadType: 107 },
];

const extensions: types.RtpHeaderExtensionParameters[] = [
  { uri: 'urn:ietf:params:rtp-hdrext:sdes:mid', id: 1 },
  { uri: 'urn:ietf:params:rtp-hdrext:ssrc-audio-level', id: 2 },
  { uri: 'http://www.webrtc.org/experiments/rtp-hdrext/abs-send-time', id: 3 },
  { uri: 'http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01', id: 4 },
];

/**
 * Sends mutated RTP, RTCP, STUN and DTLS to a worker that forwards, over transports without encryption where
 * the parsers are to be reached, and over WebRTC transports whose ICE check passes. Resolves with the number of
 * packets while the worker lives and still forwards; rejects, with the seed, when it does not.
 */
export async function fuzz(options: FuzzOptions): Promise<number> {
  const worker = await createWorker({ workerBin: options.workerBin, logLevel: 'none' });
  const sockets: Socket[] = [];
  let sent = 0;
  const died = once(worker, 'died').then(([error]): never => {
    throw new Error(`the worker died after ${sent} packets of seed ${options.seed}`, { cause: error });
  });
  died.catch(() => {});
  try {
    const targets = await connect(worker, sockets);
    const random = seededRandom(options.seed);
    const begun = performance.now();
    const over = (): boolean =>
      'ms' in options.until ? performance.now() - begun >= options.until.ms : sent >= options.until.packets;
    while (!over()) {
      for (let i = 0; i < ROUND; i += 1) targets.sendOne(random, sent++);
      await Promise.race([died, answers(worker)]);
      options.onProgress?.(sent);
    }
    await Promise.race([died, targets.stillForwards()]);
    return sent;
  } finally {
    for (const socket of sockets) socket.close();
    worker.close();
  }
}

async function answers(worker: types.Worker): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('the worker does not answer any more')), ANSWER_MS);
  });
  try {
    await Promise.race([worker.getResourceUsage(), late]);
  } finally {
    clearTimeout(timer);
  }
}

interface Targets {
  sendOne(random: Random, n: number): void;
  stillForwards(): Promise<void>;
}

/** Transports of each kind with producers and consumers of each codec, and who sends to them. */
async function connect(worker: types.Worker, sockets: Socket[]): Promise<Targets> {
  const open = async (): Promise<Socket> => {
    const socket = createSocket('udp4').bind(0, '127.0.0.1');
    sockets.push(socket);
    await once(socket, 'listening');
    return socket;
  };
  const router = await worker.createRouter({ mediaCodecs: codecs });
  const listenInfo = { protocol: 'udp', ip: '127.0.0.1' } as const;
  const source = await router.createPlainTransport({ listenInfo, comedia: true, rtcpMux: true });
  const sink = await router.createPlainTransport({ listenInfo, rtcpMux: true });
  const sinkSocket = await open();
  await sink.connect({ ip: '127.0.0.1', port: sinkSocket.address().port });
  const webRtcServer = await worker.createWebRtcServer({ listenInfos: [listenInfo] });
  const webRtc = await Promise.all(
    [0, 1].map(() => router.createWebRtcTransport({ webRtcServer, enableSctp: true })),
  );
  for (const transport of webRtc) {
    const fingerprint = Array(32).fill('00').join(':');
    const fingerprints = [{ algorithm: 'sha-256', value: fingerprint } as const];
    await transport.connect({ dtlsParameters: { role: 'client', fingerprints } });
  }
  const streams: Stream[] = [];
  for (const [index, codec] of codecs.entries()) {
    const stream = { ssrc: 1000 + index, payloadType: codec.preferredPayloadType ?? 0 };
    const producer = await source.produce({ kind: codec.kind, rtpParameters: parameters(codec, stream) });
    for (const transport of [sink, ...webRtc]) {
      await transport.consume({ producerId: producer.id, rtpCapabilities: router.rtpCapabilities });
    }
    streams.push(stream);
  }
  const sourceSocket = await open();
  const strangers = await Promise.all([0, 1, 2, 3].map(open));
  const to = (socket: Socket, packet: Buffer, { localPort }: { localPort: number }): void =>
    socket.send(packet, localPort, '127.0.0.1');
  const serverPort = { localPort: webRtc[0]?.iceCandidates[0]?.port ?? 0 };
  const ice: IceCredentials[] = webRtc.map((transport) => transport.iceParameters);
  let forwarded: ((packet: Buffer) => void) | undefined;
  sinkSocket.on('message', (packet) => forwarded?.(packet));
  return {
    sendOne(random, n) {
      const vary = (packet: Buffer): Buffer => (random.below(3) === 0 ? packet : mutate(random, packet));
      const kind = random.below(10);
      if (kind < 3) to(sourceSocket, vary(rtp(random, random.pick(streams), n)), source.tuple);
      else if (kind < 5) to(sourceSocket, vary(rtcp(random, streams)), source.tuple);
      else if (kind < 7) to(sinkSocket, vary(rtcp(random, streams)), sink.tuple);
      else {
        const stranger = random.pick(strangers);
        const check = (): Buffer => stun(random, random.pick(ice), { nominate: random.below(2) === 0 });
        const packet =
          kind === 7 ? check() : kind === 8 ? dtls(random) : rtp(random, random.pick(streams), n);
        to(stranger, vary(packet), serverPort);
      }
    },
    async stillForwards() {
      const [stream] = streams;
      if (!stream) throw new Error('no stream');
      const mark = Buffer.from('still forwards');
      await new Promise<void>((resolve, reject) => {
        const late = setTimeout(() => reject(new Error('the worker forwards no more')), ANSWER_MS);
        let n = 30_000;
        const again = setInterval(() => {
          const header = rtp(seededRandom(0), stream, n++).subarray(0, 12);
          header[0] = 0x80;
          to(sourceSocket, Buffer.concat([header, mark]), source.tuple);
        }, 20);
        forwarded = (packet) => {
          if (!packet.subarray(-mark.length).equals(mark)) return;
          clearTimeout(late);
          clearInterval(again);
          resolve();
        };
      });
    },
  };
}

function parameters(codec: types.RouterRtpCodecCapability, stream: Stream): types.RtpParameters {
  return {
    mid: String(stream.ssrc),
    codecs: [
      {
        mimeType: codec.mimeType,
        payloadType: stream.payloadType,
        clockRate: codec.clockRate,
        ...(codec.channels !== undefined && { channels: codec.channels }),
        ...(codec.parameters !== undefined && { parameters: codec.parameters }),
      },
    ],
    encodings: [{ ssrc: stream.ssrc }],
    headerExtensions: codec.kind === 'audio' ? extensions : extensions.slice(0, 1),
  };
}
