import type { EventEmitter } from 'node:events';
import type { WatershedError } from '../protocol/errors.ts';
import type {
  MediaKind,
  TransportInfo,
  WireDtlsParameters,
  WireRtpCapabilities,
  WireRtpParameters,
} from '../protocol/rtp.ts';
import type { ConsumerInfo, ProducerInfo, Source } from '../protocol/state.ts';

/**
 * What the rest of the node knows of media: rooms, and the media side of their peers. Nothing here names
 * mediasoup, so rooms and signaling can be tested without a worker.
 */

/** Limits that media enforces itself, each with its own error code. */
export interface MediaLimits {
  readonly producersPerPeer: number;
  readonly consumersPerPeer: number;
  /** bit/s that one peer may send, and that it is sent at most. */
  readonly maxIncomingBitrate: number;
  readonly maxOutgoingBitrate: number;
  readonly initialOutgoingBitrate: number;
  /** Least time between two key-frame requests for one producer, in ms. */
  readonly keyFrameInterval: number;
  /** Consumers (of all peers) one worker of a room takes before the room spreads to another worker. */
  readonly consumersPerWorker: number;
}

export interface MediaOptions {
  /** Path of the mediasoup-worker binary. */
  readonly workerBin: string;
  /** Number of workers. */
  readonly workers: number;
  /** Address families to listen on, e.g. `['127.0.0.1', '::1']`. */
  readonly listen: readonly ListenAddress[];
  /** Worker i listens on UDP and TCP port `basePort + i`; 0 lets the system choose. */
  readonly basePort: number;
  readonly enableTcp: boolean;
  readonly enableUdp: boolean;
  readonly limits: MediaLimits;
}

export interface ListenAddress {
  readonly ip: string;
  /** What candidates say instead of `ip` (NAT). */
  readonly announced?: string;
}

/**
 * The isolation checks that media calls before it acts. Every method throws a WatershedError to forbid; none
 * returns a verdict that could be ignored. Implemented by `cluster/`, from the one predicate.
 */
export interface MediaGate {
  /** Before a transport exists for the peer. */
  assertTransport(peerId: string): void;
  /** Before a producer exists. */
  assertProduce(peerId: string): void;
  /** Before a consumer of `producerPeerId`'s media exists for `consumerPeerId` here. */
  assertConsume(producerPeerId: string, consumerPeerId: string): void;
  /** Each newly selected ICE tuple's remote address, before anything more is done for the peer. */
  assertAddress(peerId: string, remoteAddress: string): void;
}

export interface MediaEngine extends EventEmitter<MediaEngineEvents> {
  /** The same for every router of this node. */
  readonly routerRtpCapabilities: WireRtpCapabilities;
  /** A snapshot for readiness, metrics and the console. */
  workers(): readonly WorkerStatus[];
  /** Creates the media side of a room. `worker_unavailable` when no worker runs. */
  openRoom(roomId: string, options: MediaRoomOptions): Promise<MediaRoom>;
  /** Ends every room and worker; idempotent. */
  close(): Promise<void>;
}

export interface MediaEngineEvents {
  workerDied: [{ index: number; pid: number; expected: boolean }];
  workerStarted: [{ index: number; pid: number }];
}

export interface WorkerStatus {
  readonly index: number;
  readonly pid: number | null;
  readonly state: 'starting' | 'running' | 'dead';
  /** Share of one core over the last measuring interval, 0 to 1. */
  readonly load: number;
  readonly routers: number;
  readonly consumers: number;
  readonly port: number;
  readonly restarts: number;
}

export interface MediaRoomOptions {
  /** How many peers' camera videos a subscriber gets at most; null for all. Screens always count as wanted. */
  readonly lastN: number | null;
  readonly gate: MediaGate;
}

export interface MediaRoom extends EventEmitter<MediaRoomEvents> {
  readonly roomId: string;
  /** Creates the media side of a peer, without any transport yet. */
  addPeer(peerId: string): MediaPeer;
  close(): void;
}

export interface MediaRoomEvents {
  /** Loudest first, at most once per 300 ms and only on change. */
  speakers: [{ dominant: string | null; volumes: { peerId: string; volume: number }[] }];
  closed: [];
}

/**
 * The media side of one peer. Consumers of everything that others produce are made by the room itself, as soon
 * as the peer has receive capabilities and a receive transport; they start paused and are announced in batches.
 * All methods throw WatershedError: `not_found`, `unsupported_media`, `too_many_*`, or what the gate throws.
 */
export interface MediaPeer extends EventEmitter<MediaPeerEvents> {
  readonly peerId: string;
  setReceiveCapabilities(capabilities: WireRtpCapabilities): void;
  createTransport(direction: 'send' | 'receive'): Promise<TransportInfo>;
  connectTransport(transportId: string, dtlsParameters: WireDtlsParameters): Promise<void>;
  restartIce(transportId: string): Promise<TransportInfo['iceParameters']>;
  produce(options: ProduceOptions): Promise<ProducerInfo>;
  pauseProducer(producerId: string, by: 'publisher' | 'host'): Promise<void>;
  resumeProducer(producerId: string): Promise<void>;
  closeProducer(producerId: string): void;
  producers(): readonly ProducerInfo[];
  /** Every consumer as it stands, for a resume with fresh state. */
  consumers(): readonly ConsumerInfo[];
  /** Those of them that are paused for another reason than `ConsumerInfo.producerPaused` tells. */
  held(): readonly { consumerId: string; by: 'publisher' | 'host' | 'lastN' | 'subscriber' }[];
  pauseConsumers(consumerIds: readonly string[]): Promise<void>;
  resumeConsumers(consumerIds: readonly string[]): Promise<void>;
  setConsumerLayers(consumerId: string, spatialLayer: number, temporalLayer?: number): Promise<void>;
  setConsumerPriority(consumerId: string, priority: number): Promise<void>;
  requestKeyFrame(consumerId: string): Promise<void>;
  getStats(): Promise<Record<string, unknown>[]>;
  /**
   * Judges every leg of this peer again with the gate (after a label change or a policy switch): legs that it
   * forbids are closed first, synchronously as far as this process is concerned.
   */
  rejudge(): void;
  close(): void;
}

export interface ProduceOptions {
  readonly transportId: string;
  readonly kind: MediaKind;
  readonly source: Source;
  readonly rtpParameters: WireRtpParameters;
  readonly paused?: boolean;
}

export interface MediaPeerEvents {
  /** New consumers, paused, in one batch per turn of the event loop. */
  consumersCreated: [ConsumerInfo[]];
  consumerClosed: [{ consumerId: string }];
  consumerPaused: [{ consumerId: string; by: 'publisher' | 'host' | 'lastN' | 'subscriber' }];
  consumerResumed: [{ consumerId: string }];
  consumerLayers: [{ consumerId: string; spatialLayer: number | null; temporalLayer: number | null }];
  producerUpdated: [ProducerInfo];
  /** The producer is gone without the peer having asked: with its transport (null), or for what it did. */
  producerClosed: [{ producerId: string; error: WatershedError | null }];
  wantedLayers: [{ producerId: string; spatialLayer: number | null }];
  transportClosed: [{ transportId: string }];
  /** The peer's worker died: everything of the peer is gone, and a new transport may be made at once. */
  reset: [{ reason: 'worker_died' | 'moved' }];
  /** The gate refused an address (assertAddress threw): the peer's transports are closed already. */
  forbidden: [{ error: Error }];
  /** True once both/any transports' ICE is connected; false when all are lost. */
  connectivity: [{ connected: boolean }];
}
