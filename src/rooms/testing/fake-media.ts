import { EventEmitter } from 'node:events';
import type {
  MediaEngine,
  MediaEngineEvents,
  MediaPeer,
  MediaPeerEvents,
  MediaRoom,
  MediaRoomEvents,
  MediaRoomOptions,
  PipeAnswer,
  PipeOut,
  PipeStats,
  ProduceOptions,
  RemoteProducer,
  RemotePublication,
  WorkerStatus,
} from '../../media/types.ts';
import { WatershedError } from '../../protocol/errors.ts';
import type { TransportInfo, WireRtpCapabilities } from '../../protocol/rtp.ts';
import type { ConsumerInfo, ProducerInfo } from '../../protocol/state.ts';

const FINGERPRINT = { algorithm: 'sha-256', value: Array.from({ length: 32 }, () => 'AB').join(':') };

/** A media engine that makes nothing, and remembers every call: what was created is what was called for. */
export class FakeEngine extends EventEmitter<MediaEngineEvents> implements MediaEngine {
  readonly routerRtpCapabilities: WireRtpCapabilities = { codecs: [], headerExtensions: [] };
  /** Every call on the engine, its rooms and peers, in order. */
  readonly calls: string[] = [];
  readonly rooms = new Map<string, FakeMediaRoom>();
  /** Producers at other nodes that its rooms do not take. */
  readonly misfits = new Set<string>();
  /** The next openings wait for this. */
  opening: Promise<void> = Promise.resolve();

  workers(): readonly WorkerStatus[] {
    return [];
  }

  async openRoom(roomId: string, options: MediaRoomOptions): Promise<FakeMediaRoom> {
    this.calls.push(`openRoom ${roomId}`);
    await this.opening;
    const room = new FakeMediaRoom(roomId, options, this.calls, this.misfits);
    this.rooms.set(roomId, room);
    room.on('closed', () => this.rooms.delete(roomId));
    return room;
  }

  /** The media room by this id, which must be open. */
  room(roomId: string): FakeMediaRoom {
    const room = this.rooms.get(roomId);
    if (room === undefined) throw new Error(`media room ${roomId} is not open`);
    return room;
  }

  async close(): Promise<void> {
    for (const room of [...this.rooms.values()]) room.close();
  }
}

class FakeMediaRoom extends EventEmitter<MediaRoomEvents> implements MediaRoom {
  readonly roomId: string;
  readonly options: MediaRoomOptions;
  readonly peers = new Map<string, FakeMediaPeer>();
  readonly #calls: string[];
  readonly #misfits: ReadonlySet<string>;

  constructor(roomId: string, options: MediaRoomOptions, calls: string[], misfits: ReadonlySet<string>) {
    super();
    this.roomId = roomId;
    this.options = options;
    this.#calls = calls;
    this.#misfits = misfits;
  }

  addPeer(peerId: string): FakeMediaPeer {
    this.#calls.push('addPeer');
    const peer = new FakeMediaPeer(peerId, this, this.#calls);
    this.peers.set(peerId, peer);
    return peer;
  }

  /** The media of a peer, which must be there. */
  peer(peerId: string): FakeMediaPeer {
    const peer = this.peers.get(peerId);
    if (peer === undefined) throw new Error(`media peer ${peerId} is not there`);
    return peer;
  }

  addRemote({ producerId }: RemoteProducer): RemotePublication {
    this.#calls.push(`addRemote ${producerId}`);
    if (this.#misfits.has(producerId)) throw new WatershedError('too_many_producers');
    return {
      update: () => this.#calls.push(`updateRemote ${producerId}`),
      close: () => this.#calls.push(`closeRemote ${producerId}`),
    };
  }

  describe(): RemoteProducer | undefined {
    return undefined;
  }

  async pipe(): Promise<PipeAnswer> {
    throw new WatershedError('not_found');
  }

  unpipe(): void {}

  setRemoteWanted(): void {}

  pipesOut(): readonly PipeOut[] {
    return [];
  }

  async pipeStats(): Promise<PipeStats[]> {
    return [];
  }

  rejudge(peerId: string): void {
    this.#calls.push(`rejudge ${peerId}`);
  }

  close(): void {
    this.#calls.push('closeRoom');
    for (const peer of [...this.peers.values()]) peer.close();
    this.emit('closed');
  }
}

class FakeMediaPeer extends EventEmitter<MediaPeerEvents> implements MediaPeer {
  readonly peerId: string;
  readonly made: ProducerInfo[] = [];
  consumersNow: ConsumerInfo[] = [];
  heldNow: ReturnType<MediaPeer['held']> = [];
  transports = 0;
  readonly addressesNow = new Set<string>();
  closed = false;
  rejudged = 0;
  /** The next transports wait for this. */
  making: Promise<void> = Promise.resolve();
  readonly #room: FakeMediaRoom;
  readonly #calls: string[];

  constructor(peerId: string, room: FakeMediaRoom, calls: string[]) {
    super();
    this.peerId = peerId;
    this.#room = room;
    this.#calls = calls;
  }

  setReceiveCapabilities(capabilities: WireRtpCapabilities): void {
    this.#calls.push('setReceiveCapabilities');
    if (capabilities.codecs === undefined) throw new WatershedError('unsupported_media');
  }

  async createTransport(direction: 'send' | 'receive'): Promise<TransportInfo> {
    this.#room.options.gate.assertTransport(this.peerId);
    this.#calls.push(`createTransport ${direction}`);
    await this.making;
    this.transports += 1;
    return {
      transportId: `t${this.transports}-${direction}`,
      iceParameters: { usernameFragment: 'fragment', password: 'ice-password' },
      iceCandidates: [],
      dtlsParameters: { fingerprints: [FINGERPRINT] },
    };
  }

  async connectTransport(): Promise<void> {
    this.#calls.push('connectTransport');
  }

  async restartIce(): Promise<TransportInfo['iceParameters']> {
    this.#calls.push('restartIce');
    return { usernameFragment: 'fragment', password: 'second-ice-password' };
  }

  async produce(options: ProduceOptions): Promise<ProducerInfo> {
    this.#room.options.gate.assertProduce(this.peerId);
    this.#calls.push(`produce ${options.source}`);
    const producer: ProducerInfo = {
      producerId: `${this.peerId}-${options.source}`,
      kind: options.kind,
      source: options.source,
      paused: options.paused ?? false,
    };
    this.made.push(producer);
    return producer;
  }

  async pauseProducer(producerId: string, by: 'publisher' | 'host'): Promise<void> {
    this.#calls.push(`pauseProducer ${by}`);
    this.#pause(producerId, true);
  }

  async resumeProducer(producerId: string): Promise<void> {
    this.#calls.push('resumeProducer');
    this.#pause(producerId, false);
  }

  #pause(producerId: string, paused: boolean): void {
    const index = this.made.findIndex((producer) => producer.producerId === producerId);
    const producer = this.made[index];
    if (producer === undefined) throw new WatershedError('not_found');
    const updated = { ...producer, paused };
    this.made[index] = updated;
    this.emit('producerUpdated', updated);
  }

  closeProducer(producerId: string): void {
    this.#calls.push('closeProducer');
    const index = this.made.findIndex((producer) => producer.producerId === producerId);
    if (index < 0) throw new WatershedError('not_found');
    this.made.splice(index, 1);
  }

  producers(): readonly ProducerInfo[] {
    return this.made;
  }

  consumers(): readonly ConsumerInfo[] {
    return this.consumersNow;
  }

  held(): ReturnType<MediaPeer['held']> {
    return this.heldNow;
  }

  async pauseConsumers(): Promise<void> {
    this.#calls.push('pauseConsumers');
  }

  async resumeConsumers(): Promise<void> {
    this.#calls.push('resumeConsumers');
  }

  async setConsumerLayers(): Promise<void> {
    this.#calls.push('setConsumerLayers');
  }

  async setConsumerPriority(): Promise<void> {
    this.#calls.push('setConsumerPriority');
  }

  async requestKeyFrame(): Promise<void> {
    this.#calls.push('requestKeyFrame');
  }

  async getStats(): Promise<Record<string, unknown>[]> {
    return [{ type: 'fake', transports: this.transports }];
  }

  addresses(): ReadonlySet<string> {
    return this.addressesNow;
  }

  rejudge(): void {
    this.rejudged += 1;
    this.#calls.push('rejudge');
    try {
      for (const address of this.addressesNow) this.#room.options.gate.assertAddress(this.peerId, address);
      this.#room.options.gate.assertProduce(this.peerId);
    } catch (error) {
      this.made.length = 0;
      this.transports = 0;
      this.emit('forbidden', { error: error instanceof Error ? error : new Error('unknown') });
    }
  }

  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.#calls.push('closePeer');
    this.#room.peers.delete(this.peerId);
  }
}
