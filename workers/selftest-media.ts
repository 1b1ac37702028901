import { randomBytes, randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createWorker, type types } from 'mediasoup';
import { Audio, PeerConnection, type Track } from 'node-datachannel';
import { rtpPacket, rtpPayload } from './rtp-packet.ts';
import { dtlsFromSdp, transportSdp } from './sdp.ts';

const MID = '0';
const PAYLOAD_TYPE = 111;
/** Distinct payloads that must arrive. */
const WANTED = 20;
/** One packet of each size, in turn: a small one, and one near a path's MTU. */
const PAYLOAD_BYTES = [64, 1100];
const SEND_EVERY_MS = 10;

/**
 * Sends Opus packets through the worker: node-datachannel → ICE, DTLS, SRTP → the worker → ICE, DTLS, SRTP →
 * node-datachannel. The worker is DTLS client on one side and server on the other, since its two handshakes
 * are different code. Resolves once enough payloads came out as they went in; rejects when the worker dies or
 * a payload was changed. Never gives up by itself: the caller bounds it. Returns the number of payloads.
 */
export async function pushMedia(workerBin: string): Promise<number> {
  const worker = await createWorker({ workerBin, logLevel: 'error' });
  const closers: (() => void)[] = [() => worker.close()];
  const died = once(worker, 'died').then(([error]): never => {
    throw new Error('the worker died with media in it', { cause: error });
  });
  try {
    return await Promise.race([died, exchange(worker, closers)]);
  } finally {
    for (const close of closers.reverse()) close();
  }
}

async function exchange(worker: types.Worker, closers: (() => void)[]): Promise<number> {
  const router = await worker.createRouter({
    mediaCodecs: [
      {
        kind: 'audio',
        mimeType: 'audio/opus',
        clockRate: 48000,
        channels: 2,
        preferredPayloadType: PAYLOAD_TYPE,
      },
    ],
  });
  const webRtcServer = await worker.createWebRtcServer({
    listenInfos: [{ protocol: 'udp', ip: '127.0.0.1', announcedAddress: '127.0.0.1' }],
  });
  const ssrc = randomInt(1, 2 ** 32);
  const publishing = await router.createWebRtcTransport({ webRtcServer });
  const track = await publish(publishing, ssrc, closers);
  const producer = await publishing.produce({
    kind: 'audio',
    rtpParameters: {
      mid: MID,
      codecs: [{ mimeType: 'audio/opus', payloadType: PAYLOAD_TYPE, clockRate: 48000, channels: 2 }],
      encodings: [{ ssrc }],
    },
  });
  const subscribing = await router.createWebRtcTransport({ webRtcServer });
  const consumer = await subscribing.consume({
    producerId: producer.id,
    rtpCapabilities: router.rtpCapabilities,
  });
  const sent = new Set<string>();
  const received = new Set<string>();
  const arrived = new Promise<void>((resolve, reject) => {
    subscribe(subscribing, consumer, closers, (packet) => {
      const payload = rtpPayload(packet)?.toString('base64');
      if (payload === undefined) return;
      if (!sent.has(payload)) reject(new Error('a payload arrived that nobody sent'));
      received.add(payload);
      if (received.size >= WANTED) resolve();
    }).catch(reject);
  });
  let count = 0;
  const timer = setInterval(() => {
    if (!track.isOpen()) return;
    const payload = randomBytes(PAYLOAD_BYTES[count % PAYLOAD_BYTES.length] ?? 64);
    sent.add(payload.toString('base64'));
    track.sendMessageBinary(
      rtpPacket({ payloadType: PAYLOAD_TYPE, sequence: count, timestamp: count * 480, ssrc }, payload),
    );
    count += 1;
  }, SEND_EVERY_MS);
  closers.push(() => clearInterval(timer));
  await arrived;
  return received.size;
}

/** Connects a publisher as DTLS server; the worker is the client. */
async function publish(
  transport: types.WebRtcTransport,
  ssrc: number,
  closers: (() => void)[],
): Promise<Track> {
  const peer = newPeer('publisher', closers);
  const audio = new Audio(MID, 'SendOnly');
  audio.addOpusCodec(PAYLOAD_TYPE);
  audio.addSSRC(ssrc, 'selftest');
  const track = peer.addTrack(audio);
  peer.setLocalDescription('offer');
  await transport.connect({ dtlsParameters: dtlsFromSdp(localSdp(peer), 'server') });
  const media = { mid: MID, direction: 'recvonly', payloadType: PAYLOAD_TYPE, ssrc } as const;
  peer.setRemoteDescription(transportSdp(transport, 'active', media), 'answer');
  return track;
}

/** Connects a subscriber as DTLS client; the worker is the server. */
async function subscribe(
  transport: types.WebRtcTransport,
  consumer: types.Consumer,
  closers: (() => void)[],
  onPacket: (packet: Buffer) => void,
): Promise<void> {
  const codec = consumer.rtpParameters.codecs[0];
  const ssrc = consumer.rtpParameters.encodings?.[0]?.ssrc;
  if (!codec || ssrc === undefined) throw new Error('the consumer has no codec or no SSRC');
  const peer = newPeer('subscriber', closers);
  peer.onTrack((track) => {
    track.onMessage(onPacket);
    // Unless something keeps it, the track is collected, and its callback with it.
    closers.push(() => track.close());
  });
  const media = { mid: MID, direction: 'sendonly', payloadType: codec.payloadType, ssrc } as const;
  peer.setRemoteDescription(transportSdp(transport, 'passive', media), 'offer');
  peer.setLocalDescription('answer');
  await transport.connect({ dtlsParameters: dtlsFromSdp(localSdp(peer), 'client') });
}

function newPeer(name: string, closers: (() => void)[]): PeerConnection {
  const peer = new PeerConnection(name, {
    iceServers: [],
    bindAddress: '127.0.0.1',
    disableAutoNegotiation: true,
  });
  closers.push(() => peer.close());
  return peer;
}

function localSdp(peer: PeerConnection): string {
  const description = peer.localDescription();
  if (!description) throw new Error('node-datachannel made no description');
  return description.sdp;
}
