import type { types } from 'mediasoup';
import { WatershedError } from '../protocol/errors.ts';
import type { TransportInfo, WireDtlsParameters } from '../protocol/rtp.ts';
import { BitrateWatch } from './bitrate-watch.ts';
import { guarded, unattended } from './guard.ts';
import { admitAddress, judgeAddresses, UnjudgedWorkerError } from './judged-addresses.ts';
import { asWatershedError, isWorkerGone } from './media-error.ts';
import type { PeerHost } from './peer-host.ts';
import type { RoomRouter } from './room-router.ts';

export type Direction = 'send' | 'receive';

export interface PeerTransportsListener {
  /** The participant passed ICE from this remote address; media from there waits for the answer. */
  address(remoteAddress: string): void;
  /** ICE or DTLS is over for good; the transport is closed. */
  lost(direction: Direction, transportId: string): void;
  connectivity(connected: boolean): void;
  /** More comes from the peer than may on this transport, and has for a while. Told again while that lasts. */
  exceeded(direction: Direction, transportId: string): void;
}

/** Of one transport: as many as our worker ever asks about. Any other worker goes on with the newest. */
const MAX_ADDRESSES = 64;

interface Open {
  readonly direction: Direction;
  readonly transport: types.WebRtcTransport;
  readonly seat: RoomRouter;
  /** Remote addresses that media comes, or may come, from. */
  readonly addresses: Set<string>;
  /** The worker takes media only from those that it was told of. */
  readonly judges: boolean;
  /** The DTLS parameters that `connect` was called with. */
  connectedWith: string | null;
  connected: boolean;
}

/** A peer's transports: at most one to send and one to receive, both on the router that the peer is seated on. */
export class PeerTransports {
  readonly #peerId: string;
  readonly #host: PeerHost;
  readonly #listener: PeerTransportsListener;
  readonly #open = new Map<Direction, Open | 'pending'>();
  #connected = false;
  #closed = false;

  constructor(peerId: string, host: PeerHost, listener: PeerTransportsListener) {
    this.#peerId = peerId;
    this.#host = host;
    this.#listener = listener;
  }

  /** The open transport of a direction, and where it is. */
  get(direction: Direction): { transport: types.WebRtcTransport; seat: RoomRouter } | undefined {
    const open = this.#open.get(direction);
    return open === undefined || open === 'pending' ? undefined : open;
  }

  all(): types.WebRtcTransport[] {
    return [...this.#open.values()].flatMap((open) => (open === 'pending' ? [] : [open.transport]));
  }

  /** Where the participant's media comes, or may come, from. */
  addresses(): ReadonlySet<string> {
    return new Set(
      [...this.#open.values()].flatMap((open) => (open === 'pending' ? [] : [...open.addresses])),
    );
  }

  /** The transport with this id, if it is of this direction. Throws `not_found`. */
  byId(transportId: string, direction?: Direction): Open {
    for (const open of this.#open.values()) {
      if (open === 'pending' || open.transport.id !== transportId) continue;
      if (direction === undefined || open.direction === direction) return open;
    }
    throw new WatershedError('not_found');
  }

  async create(direction: Direction): Promise<TransportInfo> {
    this.#host.gate.assertTransport(this.#peerId);
    if (this.#open.has(direction)) throw new WatershedError('too_many_transports');
    this.#open.set(direction, 'pending');
    try {
      const { transport, seat, judges } = await this.#make(direction);
      this.#open.set(direction, {
        direction,
        transport,
        seat,
        addresses: new Set(),
        judges,
        connectedWith: null,
        connected: false,
      });
      this.#watch(direction, transport);
      this.#watchBitrate(direction, transport);
      return {
        transportId: transport.id,
        iceParameters: transport.iceParameters,
        iceCandidates: transport.iceCandidates,
        dtlsParameters: transport.dtlsParameters,
      };
    } catch (error) {
      this.#open.delete(direction);
      this.#mayUnseat();
      throw asWatershedError(error);
    }
  }

  /** Starts DTLS. The same call again (after a resumed connection) does nothing. */
  async connect(transportId: string, dtlsParameters: WireDtlsParameters): Promise<void> {
    const open = this.byId(transportId);
    const wanted = JSON.stringify([dtlsParameters.role ?? 'auto', dtlsParameters.fingerprints]);
    if (open.connectedWith === wanted) return;
    if (open.connectedWith !== null) {
      throw new WatershedError('bad_request', 'connectTransport came before with other DTLS parameters');
    }
    open.connectedWith = wanted;
    try {
      await open.transport.connect({ dtlsParameters });
    } catch (error) {
      open.connectedWith = null;
      throw asWatershedError(error, 'unsupported_media');
    }
  }

  /** New ICE credentials: a secret like the first ones, so the gate is asked as for a new transport. */
  async restartIce(transportId: string): Promise<TransportInfo['iceParameters']> {
    const { transport } = this.byId(transportId);
    this.#host.gate.assertTransport(this.#peerId);
    try {
      return await transport.restartIce();
    } catch (error) {
      throw asWatershedError(error);
    }
  }

  /** Closes what is open. Says nothing to the listener but that connectivity is lost. */
  closeAll(): void {
    for (const transport of this.all()) transport.close();
    for (const [direction, open] of this.#open) if (open !== 'pending') this.#open.delete(direction);
    this.#update();
    this.#mayUnseat();
  }

  close(): void {
    this.#closed = true;
    this.closeAll();
  }

  /** Closes one transport as if it were lost. */
  drop(transportId: string): void {
    const { direction, transport } = this.byId(transportId);
    this.#open.delete(direction);
    transport.close();
    this.#listener.lost(direction, transportId);
    this.#update();
    this.#mayUnseat();
  }

  /** Creates on the peer's seat; on another when the worker dies meanwhile. */
  async #make(
    direction: Direction,
  ): Promise<{ transport: types.WebRtcTransport; seat: RoomRouter; judges: boolean }> {
    for (;;) {
      const { options, judgement } = this.#host;
      const seat = await this.#host.seat(this.#peerId);
      if (this.#closed) throw new WatershedError('not_found');
      if (this.#host.judgement !== judgement) this.#host.gate.assertTransport(this.#peerId);
      const judged = this.#host.judgement;
      let transport: types.WebRtcTransport | undefined;
      let judges: boolean;
      try {
        transport = await seat.createTransport(direction, options);
        judges = await judgeAddresses(transport);
        if (!judges && options.mayTakeUnjudged !== true) throw new UnjudgedWorkerError(options.workerBin);
      } catch (error) {
        transport?.close();
        if (isWorkerGone(error) && !this.#closed) continue;
        throw error;
      }
      try {
        if (this.#closed) throw new WatershedError('not_found');
        if (this.#host.judgement !== judged) this.#host.gate.assertTransport(this.#peerId);
      } catch (error) {
        transport.close();
        throw error;
      }
      if (!transport.closed) return { transport, seat, judges };
    }
  }

  #watch(direction: Direction, transport: types.WebRtcTransport): void {
    const current = () => {
      const open = this.#open.get(direction);
      return open !== undefined && open !== 'pending' && open.transport === transport ? open : undefined;
    };
    const on = (what: string, run: (open: Open) => void) =>
      guarded(this.#host.logger, what, () => {
        const open = current();
        if (open) run(open);
      });
    transport.on('iceselectedtuplechange', ({ remoteIp }) =>
      on('iceselectedtuplechange', ({ addresses, judges }) => {
        // A tuple without an address gives no evidence of where it is: the gate is to refuse the empty string.
        this.#listener.address(remoteIp ?? '');
        // Whoever was refused has no transport any more.
        if (transport.closed || !remoteIp || addresses.has(remoteIp)) return;
        addresses.add(remoteIp);
        for (const oldest of addresses) if (addresses.size > MAX_ADDRESSES) addresses.delete(oldest);
        if (judges) unattended(this.#host.logger, 'admit an address', admitAddress(transport, remoteIp));
      }),
    );
    transport.on('icestatechange', (state) =>
      on('icestatechange', (open) => {
        open.connected = state === 'connected' || state === 'completed';
        this.#update();
      }),
    );
    transport.on('dtlsstatechange', (state) =>
      on('dtlsstatechange', () => {
        if (state === 'failed' || state === 'closed') this.drop(transport.id);
      }),
    );
  }

  #watchBitrate(direction: Direction, transport: types.WebRtcTransport): void {
    const { logger, options } = this.#host;
    const sends = direction === 'send' ? options.limits.maxIncomingBitrate : null;
    new BitrateWatch(transport, sends, logger, () => {
      if (this.all().includes(transport)) this.#listener.exceeded(direction, transport.id);
    });
  }

  #update(): void {
    const connected = [...this.#open.values()].some((open) => open !== 'pending' && open.connected);
    if (connected === this.#connected) return;
    this.#connected = connected;
    this.#listener.connectivity(connected);
  }

  #mayUnseat(): void {
    if (this.#open.size === 0) this.#host.unseat(this.#peerId);
  }
}
