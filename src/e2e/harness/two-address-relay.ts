import { createSocket, type RemoteInfo, type Socket } from 'node:dgram';
import { once } from 'node:events';

const MAX_WAITING = 20;

/**
 * Stands between a participant and a bridge, and speaks to the bridge from two addresses of its own: a
 * participant that has two networks, or who pretends to be where it is not. ICE checks go from the first
 * address, and from the second too once `check` was called: what authenticates them is a password, and that
 * does not depend on the address.
 */
export class TwoAddressRelay {
  readonly #front: Socket;
  readonly #backs: readonly [Socket, Socket];
  readonly #bridge: { readonly address: string; readonly port: number };
  /** RTP packets sent to the bridge from each address. */
  readonly sent: [number, number] = [0, 0];
  /** ICE checks sent from each address. */
  readonly checks: [number, number] = [0, 0];
  #participant: RemoteInfo | undefined;
  #mediaFrom: 0 | 1 = 0;
  #checksBoth = false;
  #moves = false;
  /** RTP packets that are held. */
  #waiting: Buffer[] | undefined;

  private constructor(
    front: Socket,
    backs: readonly [Socket, Socket],
    bridge: { readonly address: string; readonly port: number },
  ) {
    this.#front = front;
    this.#backs = backs;
    this.#bridge = bridge;
    front.on('message', (packet, from) => this.#toBridge(packet, from));
    for (const back of backs) back.on('message', (packet) => this.#toParticipant(back, packet));
  }

  static async start(
    bridge: { readonly address: string; readonly port: number },
    addresses: readonly [string, string],
  ): Promise<TwoAddressRelay> {
    const bind = async (address: string): Promise<Socket> => {
      const socket = createSocket('udp4').bind(0, address);
      await once(socket, 'listening');
      return socket;
    };
    const front = await bind('127.0.0.1');
    const backs = [await bind(addresses[0]), await bind(addresses[1])] as const;
    return new TwoAddressRelay(front, backs, bridge);
  }

  /** Where the participant is to send to, on 127.0.0.1. */
  get port(): number {
    return this.#front.address().port;
  }

  /** Sends the ICE checks from the second address too. */
  checkSecond(): void {
    this.#checksBoth = true;
  }

  /** Sends everything but ICE checks from the second address instead of the first. */
  moveMedia(): void {
    this.#mediaFrom = 1;
  }

  /** Holds RTP back, the last packets of it. */
  holdMedia(): void {
    this.#waiting = [];
  }

  /** At the next ICE check: it goes from the second address too, and right behind it, from there, what is held. */
  moveMediaWithCheck(): void {
    this.#checksBoth = true;
    this.#moves = true;
  }

  close(): void {
    for (const socket of [this.#front, ...this.#backs]) socket.close();
  }

  #toBridge(packet: Buffer, from: RemoteInfo): void {
    this.#participant = from;
    // RFC 7983 section 7: what a packet is, by its first byte; RFC 5761 section 4 for RTCP by its second.
    if ((packet[0] ?? 0) < 4) {
      this.#check(0, packet);
      if (this.#checksBoth) this.#check(1, packet);
      if (this.#moves && this.#waiting) this.#moveWaiting(this.#waiting);
      return;
    }
    const type = packet[1] ?? 0;
    const isRtp = (packet[0] ?? 0) >> 6 === 2 && (type < 192 || type > 223);
    if (isRtp && this.#waiting) {
      this.#waiting = [...this.#waiting.slice(-MAX_WAITING), packet];
      return;
    }
    this.#sendMedia(packet, isRtp);
  }

  #moveWaiting(waiting: readonly Buffer[]): void {
    this.#waiting = undefined;
    this.moveMedia();
    for (const packet of waiting) this.#sendMedia(packet, true);
  }

  #sendMedia(packet: Buffer, isRtp: boolean): void {
    if (isRtp) this.sent[this.#mediaFrom] += 1;
    this.#backs[this.#mediaFrom].send(packet, this.#bridge.port, this.#bridge.address);
  }

  #check(from: 0 | 1, packet: Buffer): void {
    this.checks[from] += 1;
    this.#backs[from].send(packet, this.#bridge.port, this.#bridge.address);
  }

  #toParticipant(back: Socket, packet: Buffer): void {
    // Answers to the copied checks are for nobody.
    if (back === this.#backs[1] && (packet[0] ?? 0) < 4) return;
    if (this.#participant) this.#front.send(packet, this.#participant.port, this.#participant.address);
  }
}
