import type { Device } from 'mediasoup-client';
import type { AppData, ConnectionState, MediaKind, RtpParameters, Transport } from 'mediasoup-client/types';
import type { TransportInfo } from '../protocol/rtp.ts';
import { type Source, sourceSchema } from '../protocol/state.ts';
import { Emitter } from './emitter.ts';
import type { Link } from './link.ts';
import { ClientError, type Problem, toProblem } from './problem.ts';
import { dtlsToWire, parametersToWire, transportFromWire } from './rtp-wire.ts';

/** Milliseconds for which an interruption may mend itself before ICE is restarted. */
const PATIENCE = 2500;
/** Milliseconds in which a restarted ICE must be connected again, before a new transport is made. */
const RESTART_LIMIT = 8000;

/** What a producer's `produce` request says beside its RTP parameters. */
export interface ProducerData {
  readonly source: Source;
  readonly paused: boolean;
  readonly [key: string]: unknown;
}

/**
 * One direction of a peer's media: a mediasoup-client transport, and a new one in its place when it cannot be
 * mended. Trouble is met in this order: wait, restart ICE, make a new transport.
 */
export class TransportLeg extends Emitter<{
  /** A transport is there (the first, or a new one): attach everything to it. */
  opened: [Transport];
  state: [ConnectionState];
  /** It could not be mended; the session has to be made anew. */
  failed: [Problem];
  /** Media stopped: a good moment to ask whether the socket is alive. */
  interrupted: [];
}> {
  readonly #direction: 'send' | 'receive';
  readonly #device: Device;
  readonly #link: Link;
  readonly #restartsIce: boolean;
  #transport: Transport | null = null;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #mending = false;
  /** The node said during a repair that the transport is gone. */
  #gone = false;
  #closed = false;

  constructor(direction: 'send' | 'receive', device: Device, link: Link, restartsIce: boolean) {
    super();
    this.#direction = direction;
    this.#device = device;
    this.#link = link;
    this.#restartsIce = restartsIce;
  }

  get transport(): Transport | null {
    return this.#transport;
  }

  get state(): ConnectionState {
    return this.#transport?.connectionState ?? 'closed';
  }

  /** Builds this end of a transport that the node has made; an earlier one is closed. */
  adopt(info: TransportInfo): void {
    if (this.#closed) return;
    this.#drop();
    const options = transportFromWire(info);
    const transport =
      this.#direction === 'send'
        ? this.#device.createSendTransport(options)
        : this.#device.createRecvTransport(options);
    this.#transport = transport;
    transport.on('connect', ({ dtlsParameters }, done, failed) => {
      this.#settle(this.#connect(transport.id, dtlsParameters), done, failed);
    });
    transport.on('produce', ({ kind, rtpParameters, appData }, done, failed) => {
      this.#settle(this.#produce(transport.id, kind, rtpParameters, appData), done, failed);
    });
    transport.on('connectionstatechange', (state) => this.#onState(transport, state));
    this.emit('opened', transport);
  }

  /** Asks the node for a (new) transport and adopts it. Throws a ClientError. */
  async renew(): Promise<void> {
    this.adopt(await this.#link.request('createTransport', { direction: this.#direction }));
  }

  /** Renews after the node said that the transport is gone. */
  replace(): void {
    this.#drop();
    this.#gone = this.#mending;
    this.#run(() => this.renew());
  }

  /** New ICE credentials over the same transport; a new transport where that fails. */
  restartIce(): void {
    this.#run(() => this.#restart());
  }

  /** Idempotent. */
  close(): void {
    this.#closed = true;
    this.#drop();
    this.removeAll();
  }

  async #connect(transportId: string, parameters: Parameters<typeof dtlsToWire>[0]): Promise<void> {
    await this.#link.request('connectTransport', { transportId, dtlsParameters: dtlsToWire(parameters) });
  }

  async #produce(
    transportId: string,
    kind: MediaKind,
    rtpParameters: RtpParameters,
    appData: AppData,
  ): Promise<{ id: string }> {
    const { producerId } = await this.#link.request('produce', {
      transportId,
      kind,
      source: sourceSchema.parse(appData.source),
      rtpParameters: parametersToWire(rtpParameters),
      paused: appData.paused === true,
    });
    return { id: producerId };
  }

  #settle<T>(promise: Promise<T>, done: (value: T) => void, failed: (error: Error) => void): void {
    promise.then(done, (error: unknown) => failed(error instanceof Error ? error : new Error(String(error))));
  }

  #onState(transport: Transport, state: ConnectionState): void {
    if (this.#transport !== transport) return;
    this.emit('state', state);
    clearTimeout(this.#timer);
    if (state === 'disconnected') {
      this.emit('interrupted');
      this.#timer = setTimeout(() => this.restartIce(), PATIENCE);
    } else if (state === 'failed') {
      this.emit('interrupted');
      this.restartIce();
    }
  }

  async #restart(): Promise<void> {
    const transport = this.#transport;
    if (transport === null || transport.connectionState === 'new') return;
    if (!this.#restartsIce) {
      if (transport.connectionState !== 'connected') await this.renew();
      return;
    }
    try {
      const { iceParameters } = await this.#link.request('restartIce', { transportId: transport.id });
      await transport.restartIce({ iceParameters });
    } catch (error) {
      if (isOffline(error)) throw error;
      if (this.#transport === transport) await this.renew();
      return;
    }
    if (this.#transport !== transport || transport.connectionState === 'connected') return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      if (this.#transport === transport && transport.connectionState !== 'connected') this.replace();
    }, RESTART_LIMIT);
  }

  /** One repair at a time; what cannot be done without a socket is done again when there is one. */
  #run(step: () => Promise<void>): void {
    if (this.#mending || this.#closed) return;
    this.#mending = true;
    step()
      .catch((error: unknown) => {
        if (!this.#closed && !isOffline(error)) this.emit('failed', toProblem(error, 'media_failed'));
      })
      .finally(() => {
        this.#mending = false;
        // A repair under way may have been of the transport that is gone, and have brought no other.
        const isMissing = this.#gone && this.#transport === null;
        this.#gone = false;
        if (isMissing) this.#run(() => this.renew());
      });
  }

  #drop(): void {
    clearTimeout(this.#timer);
    const transport = this.#transport;
    this.#transport = null;
    transport?.close();
  }
}

/** The request failed because there is no socket: not the transport's fault. */
export function isOffline(error: unknown): boolean {
  if (!(error instanceof ClientError)) return false;
  const { code } = error.problem;
  return code === 'connection_lost' || code === 'not_connected' || code === 'closed';
}
