import { PeerConnection, type Track } from 'node-datachannel';
import type { TransportInfo, WireRtpCapabilities } from '../../protocol/rtp.ts';
import { type ConsumerInfo, kindOfSource, type Source } from '../../protocol/state.ts';
import type { MediaPeer } from '../types.ts';
import { isRtp, rtpPacket, rtpPayload, senderReport, VP8_KEY_FRAME, vp9Descriptor } from './rtp-packets.ts';
import { dtlsFromSdp, type MediaSection, remoteSdp } from './sdp.ts';
import {
  CAPABILITIES,
  LEVEL_ID,
  payloadTypeOf,
  type Sending,
  sendingOf,
  type TrackSpec,
} from './test-track.ts';

const SEND_EVERY_MS = 20;

function timestampAt(tick: number, source: Source): number {
  return tick * SEND_EVERY_MS * (kindOfSource(source) === 'video' ? 90 : 48);
}

/**
 * A participant with real ICE, DTLS and SRTP, driven straight over a MediaPeer. Publishes stamped payloads
 * (Opus, or key frames: each names its source and layer) and counts what it is sent.
 */
export class TestPeer {
  readonly peer: MediaPeer;
  readonly consumers = new Map<string, ConsumerInfo>();
  /** Events of the peer in order, for what tests want to know. */
  readonly events: { name: string; data: unknown }[] = [];
  /** Packets received, by `<peerId>/<source>/<layer>` as stamped by the sender. */
  readonly received = new Map<string, number>();
  /** RTP timestamps of the packets received, by the same stamps. */
  readonly #timestamps = new Map<string, Set<number>>();
  sendInfo: TransportInfo | undefined;
  receiveInfo: TransportInfo | undefined;
  /** Resumes consumers as soon as they can be played, as a client would. */
  autoResume = true;
  #sending: Sending[] = [];
  #timer: NodeJS.Timeout | undefined;
  #sender: PeerConnection | undefined;
  #receiver: PeerConnection | undefined;
  #tracks: Track[] = [];
  #sections: MediaSection[] = [];
  #negotiating: Promise<void> = Promise.resolve();
  /** Times that it has sent a packet of each source and layer. */
  tick = 0;
  #lies = false;
  readonly #address: string;
  readonly #route: (info: TransportInfo) => TransportInfo | Promise<TransportInfo>;

  /** `address` is where the participant sends from; `route` may lead its send transport elsewhere than told. */
  constructor(
    peer: MediaPeer,
    address = '127.0.0.1',
    route: (info: TransportInfo) => TransportInfo | Promise<TransportInfo> = (info) => info,
  ) {
    this.peer = peer;
    this.#address = address;
    this.#route = route;
    for (const name of [
      'consumersCreated',
      'consumerClosed',
      'consumerPaused',
      'consumerResumed',
      'consumerLayers',
      'producerClosed',
      'producerUpdated',
      'wantedLayers',
      'transportClosed',
      'reset',
      'forbidden',
      'connectivity',
    ] as const) {
      peer.on(name, (data: unknown) => this.events.push({ name, data }));
    }
    peer.on('consumersCreated', (created) => {
      this.#negotiating = this.#negotiating.then(() => this.#receive(created));
      this.#negotiating.catch(() => {});
    });
    peer.on('consumerClosed', ({ consumerId }) => this.consumers.delete(consumerId));
  }

  seen(name: string): unknown[] {
    return this.events.filter((event) => event.name === name).map(({ data }) => data);
  }

  /** Packets received from a peer's source, over all its layers or on one. */
  count(peerId: string, source: Source, layer?: number): number {
    if (layer !== undefined) return this.received.get(`${peerId}/${source}/${layer}`) ?? 0;
    let sum = 0;
    for (const [key, n] of this.received) if (key.startsWith(`${peerId}/${source}/`)) sum += n;
    return sum;
  }

  /** The ticks of a peer, from one to another, of which nothing came from its source, which is of one layer. */
  missing(peerId: string, source: Source, from: number, to: number): number[] {
    const seen = this.#timestamps.get(`${peerId}/${source}/0`);
    const ticks = Array.from({ length: to - from + 1 }, (_, i) => from + i);
    return ticks.filter((tick) => !seen?.has(timestampAt(tick, source)));
  }

  /** Key frames that the SFU asked this peer's sources for (PLI). */
  async keyFrameRequests(): Promise<number> {
    const producers = (await this.peer.getStats()).filter(({ of }) => of === 'producer');
    return producers.reduce((sum, { pliCount }) => sum + Number(pliCount), 0);
  }

  /** Claims another certificate than the one it has, from now on. */
  lie(): void {
    this.#lies = true;
  }

  /** Makes a send transport, connects it, produces each source and starts to send. */
  async publish(specs: readonly TrackSpec[]): Promise<string[]> {
    const sender = new PeerConnection(`${this.peer.peerId}-send`, {
      iceServers: [],
      bindAddress: this.#address,
      disableAutoNegotiation: true,
    });
    this.#sender = sender;
    this.#sending = specs.map((spec, i) => sendingOf(sender, spec, String(i)));
    sender.setLocalDescription('offer');
    const info = await this.peer.createTransport('send');
    this.sendInfo = info;
    const dtls = dtlsFromSdp(sender.localDescription()?.sdp ?? '');
    const lie = {
      ...dtls,
      fingerprints: dtls.fingerprints.map((f) => ({ ...f, value: Array(32).fill('00').join(':') })),
    };
    await this.peer.connectTransport(info.transportId, this.#lies ? lie : dtls);
    const sections = this.#sending.map(({ spec, rtpParameters }, i) => ({
      mid: String(i),
      kind: kindOfSource(spec.source),
      direction: 'recvonly' as const,
      rtpParameters,
    }));
    sender.setRemoteDescription(remoteSdp(await this.#route(info), 'passive', sections), 'answer');
    const ids: string[] = [];
    for (const sending of this.#sending) {
      const { producerId } = await this.peer.produce({
        transportId: info.transportId,
        kind: kindOfSource(sending.spec.source),
        source: sending.spec.source,
        rtpParameters: sending.rtpParameters,
      });
      sending.producerId = producerId;
      ids.push(producerId);
    }
    this.#timer = setInterval(() => this.#send(), SEND_EVERY_MS);
    return ids;
  }

  /** Loudness of the microphone in dBov; -127 is silence. */
  speak(dBov: number): void {
    for (const sending of this.#sending) sending.level = -dBov;
  }

  /** Makes a receive transport; consumers come by themselves. */
  async subscribe(capabilities: WireRtpCapabilities = CAPABILITIES): Promise<void> {
    this.peer.setReceiveCapabilities(capabilities);
    this.receiveInfo = await this.peer.createTransport('receive');
  }

  /** What a client does when its peer was reset: everything anew, on new transports. */
  async again(): Promise<void> {
    const specs = this.#sending.map(({ spec }) => spec);
    const receives = this.receiveInfo !== undefined;
    this.#closeConnections();
    if (specs.length > 0) await this.publish(specs);
    if (receives) await this.subscribe();
  }

  close(): void {
    this.#closeConnections();
    this.peer.close();
  }

  #closeConnections(): void {
    clearInterval(this.#timer);
    for (const { track } of this.#sending) track.close();
    for (const track of this.#tracks) track.close();
    this.#sender?.close();
    this.#receiver?.close();
    this.#sender = undefined;
    this.#receiver = undefined;
    this.#tracks = [];
    this.#sections = [];
    this.consumers.clear();
    this.receiveInfo = undefined;
  }

  async #receive(created: readonly ConsumerInfo[]): Promise<void> {
    const info = this.receiveInfo;
    if (!info) return;
    const first = this.#receiver === undefined;
    const receiver = this.#receiver ?? this.#newReceiver();
    for (const consumer of created) {
      this.consumers.set(consumer.consumerId, consumer);
      this.#sections.push({
        mid: consumer.rtpParameters.mid ?? '',
        kind: consumer.kind,
        direction: 'sendonly',
        rtpParameters: consumer.rtpParameters,
      });
    }
    receiver.setRemoteDescription(remoteSdp(info, 'actpass', this.#sections), 'offer');
    receiver.setLocalDescription('answer');
    if (first) {
      await this.peer.connectTransport(info.transportId, dtlsFromSdp(receiver.localDescription()?.sdp ?? ''));
    }
    if (this.autoResume) await this.peer.resumeConsumers(created.map(({ consumerId }) => consumerId));
  }

  #newReceiver(): PeerConnection {
    const receiver = new PeerConnection(`${this.peer.peerId}-receive`, {
      iceServers: [],
      bindAddress: this.#address,
      disableAutoNegotiation: true,
    });
    receiver.onTrack((track) => {
      this.#tracks.push(track);
      track.onMessage((packet) => {
        if (!isRtp(packet)) return;
        const stamp = /\|([^|]+)\|/.exec(rtpPayload(packet).toString('latin1'))?.[1];
        if (stamp === undefined) return;
        this.received.set(stamp, (this.received.get(stamp) ?? 0) + 1);
        const timestamps = this.#timestamps.get(stamp) ?? new Set();
        this.#timestamps.set(stamp, timestamps.add(packet.readUInt32BE(4)));
      });
    });
    this.#receiver = receiver;
    return receiver;
  }

  /** Speech comes in syllables: a level that never changes is taken for noise by the speaker detection. */
  #loudness(level: number): number {
    return level === 127 || this.tick % 12 < 8 ? level : Math.min(126, level + 40);
  }

  #send(): void {
    this.tick += 1;
    for (const sending of this.#sending) {
      const { track, spec, ssrcs, level } = sending;
      if (!track.isOpen()) continue;
      const isVideo = kindOfSource(spec.source) === 'video';
      const timestamp = timestampAt(this.tick, spec.source);
      const layers = spec.layers ?? 1;
      for (let layer = 0; layer < layers; layer += 1) {
        const stamp = Buffer.from(`|${this.peer.peerId}/${spec.source}/${layer}|`, 'latin1');
        const filling = Buffer.alloc(spec.filling ?? 0);
        const ssrc = ssrcs[spec.svc ? 0 : layer] ?? 0;
        const sequence = spec.svc ? this.tick * layers + layer : this.tick;
        const fields = { payloadType: payloadTypeOf(spec), sequence, timestamp, ssrc };
        track.sendMessageBinary(
          isVideo
            ? rtpPacket(
                { ...fields, marker: !spec.svc || layer === layers - 1 },
                Buffer.concat([spec.svc ? vp9Descriptor(this.tick, layer) : VP8_KEY_FRAME, stamp, filling]),
              )
            : rtpPacket({ ...fields, level: { id: LEVEL_ID, value: this.#loudness(level) } }, stamp),
        );
        sending.sent += 1;
        if (this.tick % 10 === 1) track.sendMessageBinary(senderReport(ssrc, timestamp, this.tick));
      }
    }
  }
}
