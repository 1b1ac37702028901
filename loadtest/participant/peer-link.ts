import type { DtlsParameters, HandlerOptions, IceCandidate } from 'mediasoup-client/types';
import { PeerConnection } from 'node-datachannel';
import { candidateLine, type FarEnd, farSdp, type MediaLine, ownFingerprint } from './sdp.ts';

export interface PeerLinkOptions {
  /** Local address to use; any by default. */
  readonly bindAddress?: string;
  /** Where packets for a candidate go instead, through a relay that is on the way to it. */
  readonly route?: (address: { ip: string; port: number }) => Promise<{ ip: string; port: number }>;
}

/** States as mediasoup-client names them. */
export type LinkState = 'new' | 'connecting' | 'connected' | 'disconnected' | 'failed' | 'closed';
const STATES: readonly string[] = ['new', 'connecting', 'connected', 'disconnected', 'failed', 'closed'];

function isLinkState(state: string): state is LinkState {
  return STATES.includes(state);
}

/**
 * A node-datachannel peer connection to one mediasoup transport: ICE, DTLS and SRTP are real, only the far
 * end's descriptions are made up here, since mediasoup has none. This end is always the DTLS client.
 */
export class PeerLink {
  readonly connection: PeerConnection;
  readonly #far: FarEnd;
  readonly #candidates: readonly IceCandidate[];
  readonly #route: PeerLinkOptions['route'];
  #version = 0;
  #connected = false;
  #hasCandidates = false;

  constructor(
    options: HandlerOptions,
    { bindAddress, route }: PeerLinkOptions,
    onState: (state: LinkState) => void,
  ) {
    this.#far = { iceParameters: options.iceParameters, dtlsParameters: options.dtlsParameters };
    // The library has no TCP candidates for this; a bound socket reaches its own address family alone.
    this.#candidates = options.iceCandidates.filter(
      ({ protocol, address }) =>
        protocol === 'udp' &&
        (bindAddress === undefined || address.includes(':') === bindAddress.includes(':')),
    );
    this.#route = route;
    this.connection = new PeerConnection('participant', {
      iceServers: [],
      disableAutoNegotiation: true,
      ...(bindAddress === undefined ? {} : { bindAddress }),
    });
    this.connection.onStateChange((state) => {
      if (isLinkState(state)) onState(state);
    });
  }

  get state(): LinkState {
    const state = this.connection.state();
    return isLinkState(state) ? state : 'closed';
  }

  /** Our offer, with the far end's answer made for it. `connect` tells the transport of our DTLS end, once. */
  async offer(
    lines: readonly MediaLine[],
    connect: (parameters: DtlsParameters) => Promise<void>,
  ): Promise<void> {
    this.connection.setLocalDescription('offer');
    await this.#connectOnce(connect);
    this.#version += 1;
    this.connection.setRemoteDescription(farSdp(this.#far, 'passive', lines, this.#version), 'answer');
    await this.#addCandidates(lines);
  }

  /** The far end's offer, made for it, and our answer. */
  async answer(
    lines: readonly MediaLine[],
    connect: (parameters: DtlsParameters) => Promise<void>,
  ): Promise<void> {
    this.#version += 1;
    this.connection.setRemoteDescription(farSdp(this.#far, 'actpass', lines, this.#version), 'offer');
    this.connection.setLocalDescription('answer');
    await this.#connectOnce(connect);
    await this.#addCandidates(lines);
  }

  close(): void {
    this.connection.close();
  }

  async #connectOnce(connect: (parameters: DtlsParameters) => Promise<void>): Promise<void> {
    if (this.#connected) return;
    const description = this.connection.localDescription();
    if (description === null) throw new Error('node-datachannel made no description');
    const value = ownFingerprint(description.sdp);
    await connect({ role: 'client', fingerprints: [{ algorithm: 'sha-256', value }] });
    this.#connected = true;
  }

  /** Only now: a DTLS hello that comes before the transport was told of us would be lost, and sent again late. */
  async #addCandidates(lines: readonly MediaLine[]): Promise<void> {
    const mid = lines[0]?.mid;
    if (mid === undefined || this.#hasCandidates) return;
    this.#hasCandidates = true;
    for (const candidate of this.#candidates) {
      const routed = await this.#route?.({ ip: candidate.address, port: candidate.port });
      const way =
        routed === undefined
          ? candidate
          : { ...candidate, ip: routed.ip, address: routed.ip, port: routed.port };
      this.connection.addRemoteCandidate(candidateLine(way), mid);
    }
  }
}
