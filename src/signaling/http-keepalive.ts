import type { WebSocket } from 'ws';

export interface KeepAliveOptions {
  /** Between two pings of one socket, in ms. */
  readonly pingMs: number;
  /** Without a sign of life for so long, a socket is cut, in ms. */
  readonly silenceMs: number;
}

/** Pings every socket, and cuts those from which nothing comes back. One timer for all. */
export class KeepAlive {
  readonly #options: KeepAliveOptions;
  readonly #heard = new Map<WebSocket, number>();
  readonly #timer: NodeJS.Timeout;

  constructor(options: KeepAliveOptions) {
    this.#options = options;
    this.#timer = setInterval(() => this.#beat(), options.pingMs);
    this.#timer.unref();
  }

  /** Keeps the socket until it closes. */
  add(socket: WebSocket): void {
    const heard = () => this.#heard.set(socket, performance.now());
    heard();
    socket.on('pong', heard);
    socket.on('ping', heard);
    socket.on('message', heard);
    socket.once('close', () => {
      socket.off('message', heard);
      this.#heard.delete(socket);
    });
  }

  /** Cuts every socket that is left, and stops. */
  close(): void {
    clearInterval(this.#timer);
    for (const socket of this.#heard.keys()) socket.terminate();
    this.#heard.clear();
  }

  #beat(): void {
    const silentSince = performance.now() - this.#options.silenceMs;
    for (const [socket, heard] of this.#heard) {
      if (heard < silentSince) socket.terminate();
      else if (socket.readyState === socket.OPEN) socket.ping();
    }
  }
}
