import type { Socket } from 'node:net';
import type { LinkLog, LinksOptions } from './types.ts';

type DoorwayLimits = NonNullable<LinksOptions['waiting']>;

interface Waiting {
  readonly socket: Socket;
  readonly address: string | undefined;
  readonly timer: NodeJS.Timeout;
}

/** Milliseconds between two records of what was turned away: whoever does so on purpose does it often. */
const LOG_EVERY_MS = 10_000;

/** A cloud's nodes may start at once, behind one address, and each takes some milliseconds. */
export const DOORWAY_LIMITS: DoorwayLimits = { perAddress: 128, total: 1024 };

/** Connections that came in and have not shown yet whose they are. */
export class Doorway {
  readonly #limits: DoorwayLimits;
  readonly #connectMs: number;
  readonly #log: Pick<LinkLog, 'warn'>;
  /** By far address and port, the longest first. */
  readonly #waiting = new Map<string, Waiting>();
  #turnedAway = 0;
  #logAfterMs = 0;

  /** `connectMs`: from the first packet to an accepted link. */
  constructor(connectMs: number, limits: DoorwayLimits, log: Pick<LinkLog, 'warn'>) {
    this.#connectMs = connectMs;
    this.#limits = limits;
    this.#log = log;
  }

  /** A connection was taken: it becomes a link in time, or is closed. */
  came(socket: Socket): void {
    const key = farEnd(socket);
    const address = socket.remoteAddress;
    const others = [...this.#waiting.values()];
    if (others.filter((one) => one.address === address).length >= this.#limits.perAddress) {
      this.#turnAway(socket);
      return;
    }
    const [oldest] = others;
    if (others.length >= this.#limits.total && oldest !== undefined) this.#turnAway(oldest.socket);
    const timer = setTimeout(() => socket.destroy(), this.#connectMs);
    this.#waiting.set(key, { socket, address, timer });
    socket.once('close', () => this.#forget(key, socket));
  }

  /** It is a link now. Given the same connection as to `came`, or what reads and writes through it. */
  passed(socket: Pick<Socket, 'remoteAddress' | 'remotePort'>): void {
    this.#forget(farEnd(socket));
  }

  /** Closes whatever waits. */
  close(): void {
    for (const { socket } of this.#waiting.values()) socket.destroy();
  }

  #forget(key: string, socket?: Socket): void {
    const waiting = this.#waiting.get(key);
    if (waiting === undefined || (socket !== undefined && waiting.socket !== socket)) return;
    clearTimeout(waiting.timer);
    this.#waiting.delete(key);
  }

  #turnAway(socket: Socket): void {
    this.#forget(farEnd(socket), socket);
    socket.destroy();
    this.#turnedAway += 1;
    if (performance.now() < this.#logAfterMs) return;
    this.#logAfterMs = performance.now() + LOG_EVERY_MS;
    this.#log.warn({ turnedAway: this.#turnedAway }, 'link: too many callers that show no certificate');
    this.#turnedAway = 0;
  }
}

function farEnd({ remoteAddress, remotePort }: Pick<Socket, 'remoteAddress' | 'remotePort'>): string {
  return `${remoteAddress} ${remotePort}`;
}
