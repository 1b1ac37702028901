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
  /**
   * Whether a worker may take media before the address it comes from is judged, as those without our patch 0003 do.
   * By default no worker starts that does.
   */
  readonly mayTakeUnjudged?: boolean;
  /** Number of workers. */
  readonly workers: number;
  /** Address families to listen on, e.g. `['127.0.0.1', '::1']`. */
  readonly listen: readonly ListenAddress[];
  /** Worker i listens on UDP and TCP port `basePort + i`; 0 lets the system choose. */
  readonly basePort: number;
  readonly enableTcp: boolean;
  readonly enableUdp: boolean;
  /** Where pipes to and from other nodes end; without it there are none (`pipes_off`, a PipeError). */
  readonly pipes?: PipeOptions;
  readonly limits: MediaLimits;
}

export interface ListenAddress {
  readonly ip: string;
  /** What candidates say instead of `ip` (NAT). */
  readonly announced?: string;
}

export interface PipeOptions {
  readonly ip: string;
  /** The IP address that other nodes are told instead of `ip` (NAT). */
  readonly announced?: string;
  /** UDP ports; the system's choice where absent. One for each pair of routers of a room that spans nodes. */
  readonly ports?: { readonly min: number; readonly max: number };
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
  /** Each remote address that passed ICE, before media is taken from there, and whenever the peer is judged again. */
  assertAddress(peerId: string, remoteAddress: string): void;
  /** Before a producer's media goes to another datacenter, and again whenever labels or the policy change. */
  assertPipe(producerPeerId: string, datacenter: string): void;
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
  /** False of one that takes media before the address it comes from is judged; true while none runs. */
  readonly judgesAddresses: boolean;
  readonly egress: WorkerEgress;
}

/** How a worker process sent its packets since it started; zeros for a worker that does not count. */
export interface WorkerEgress {
  /** Packets: UDP datagrams, and frames over TCP. */
  readonly datagrams: number;
  /** System calls that it took. */
  readonly calls: number;
  /** Messages that the kernel cut into several datagrams (UDP GSO). */
  readonly batches: number;
  /** Datagrams that it cut out of them. */
  readonly segments: number;
  /** Packets that took a slower way, since the socket had no room or its path takes no bigger messages. */
  readonly fallbacks: number;
  /** Packets that could not be sent. */
  readonly failures: number;
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
  /**
   * Offers a producer of a peer at another node to the peers here, like any; it is piped here only while somebody
   * consumes it. `gate.assertConsume` is asked as for local ones. `already_joined` where that peer sits here,
   * `bad_request` where the id is known already, `too_many_producers`.
   */
  addRemote(producer: RemoteProducer, source: PipeSource): RemotePublication;
  /** How a producer of a peer here is described to other nodes; undefined once it is gone. */
  describe(producerId: string): RemoteProducer | undefined;
  /**
   * Sends a producer of a peer here to another node's pipe end. `gate.assertPipe` is asked first, and again after
   * each wait. The same request again gets the same answer. Received producers are `not_found`: they are never
   * piped on. `bad_request` where the producer's router or the far end is not the pipe's, `too_many_pipes`,
   * `pipes_off`.
   */
  pipe(to: PipeTarget, request: PipeRequest): Promise<PipeAnswer>;
  /** The other node consumes it no more; unknown ones do nothing. */
  unpipe(to: { readonly node: string }, request: PipedProducer): void;
  /** The highest spatial layer that is consumed at the node; null for none, so that nothing is sent there. */
  setRemoteWanted(node: string, producerId: string, spatialLayer: number | null): void;
  /** What leaves this node, for leases, judging and metrics. */
  pipesOut(): readonly PipeOut[];
  /** mediasoup's own figures of every pipe transport that is open now. */
  pipeStats(): Promise<PipeStats[]>;
  /**
   * Judges every leg of a peer, here or at another node, again. What the gate now forbids closes at once: pipes
   * out and in first.
   */
  rejudge(peerId: string): void;
  close(): void;
}

/** One end of a pipe between two nodes. The SRTP key passes over the authenticated link only, never to a log. */
export interface PipeEnd {
  readonly ip: string;
  readonly port: number;
  readonly srtpParameters: { readonly cryptoSuite: 'AEAD_AES_256_GCM'; readonly keyBase64: string };
}

/** A producer at another node, as that node describes it. */
export interface RemoteProducer extends ProducerInfo {
  readonly peerId: string;
  readonly pausedBy: 'publisher' | 'host' | null;
  readonly topLayer: number;
  readonly type: 'simple' | 'simulcast' | 'svc';
  /** Opaque name of the router that it arrives at there: producers of one router share a pipe. */
  readonly router: string;
}

export interface RemotePublication {
  /** Paused, resumed, at another router, or judged differently there: the far node's newest word on it. */
  update(producer: RemoteProducer): void;
  /** It is gone, or its node is. */
  close(): void;
}

/** A producer within a pipe. */
export interface PipedProducer {
  readonly pipeId: string;
  readonly producerId: string;
}

export interface PipeRequest extends PipedProducer {
  /** The publisher, as the asking node knows it. */
  readonly peerId: string;
  /** The asking node's end. */
  readonly end: PipeEnd;
}

export interface PipeAnswer {
  readonly end: PipeEnd;
  readonly rtpParameters: WireRtpParameters;
  readonly paused: boolean;
}

/** A node, by a name that no other has, with the datacenter that its certificate says. */
export interface PipeTarget {
  readonly node: string;
  readonly datacenter: string;
}

export interface PipeOut extends PipeTarget, PipedProducer {
  readonly peerId: string;
}

export interface PipeStats {
  readonly direction: 'in' | 'out';
  readonly node: string;
  readonly pipeId: string;
  readonly bytesReceived: number;
  readonly bytesSent: number;
}

/** The way to the node that has a remote producer. */
export interface PipeSource {
  readonly node: string;
  /**
   * Rejects when that node refuses or cannot be reached. `lost` is called, at most once, when what was opened has
   * ended without `release`: by the far node, or with its lease.
   */
  open(request: PipeRequest, lost: () => void): Promise<PipeAnswer>;
  /** Nobody here consumes it any more. */
  release(request: PipedProducer): void;
  /** The highest spatial layer that is consumed here; null for none. */
  wanted(producerId: string, spatialLayer: number | null): void;
}

export interface MediaRoomEvents {
  /** Loudest first, at most once per 300 ms and only on change. */
  speakers: [{ dominant: string | null; volumes: { peerId: string; volume: number }[] }];
  /** A producer is sent to a node no more, without that node having asked (`unpipe`). */
  unpiped: [PipeOut];
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
  /** Where its media comes, or may come, from: each was admitted by the policy and the label of its moment. */
  addresses(): ReadonlySet<string>;
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
