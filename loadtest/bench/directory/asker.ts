import { connect, type Socket } from 'node:net';

/** One connection that asks the directory, one question after another, by keep-alive. */
export class Asker {
  readonly #socket: Socket;
  #answer: ((status: number) => void) | null = null;
  #received = '';

  constructor(port: number) {
    this.#socket = connect({ port, host: '127.0.0.1', noDelay: true });
    this.#socket.setEncoding('latin1').on('data', (chunk: string) => this.#read(chunk));
    this.#socket.on('error', () => this.#end(0));
    this.#socket.on('close', () => this.#end(0));
  }

  /** Resolves with the status; 0 where the connection broke. */
  ask(request: string): Promise<number> {
    if (this.#socket.destroyed) return Promise.resolve(0);
    return new Promise((resolve) => {
      this.#answer = resolve;
      this.#socket.write(request);
    });
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(chunk: string): void {
    this.#received += chunk;
    const head = this.#received.indexOf('\r\n\r\n');
    if (head < 0) return;
    const length = /\r\ncontent-length: (\d+)/i.exec(this.#received.slice(0, head));
    if (length === null || this.#received.length < head + 4 + Number(length[1])) return;
    const status = Number(this.#received.slice(9, 12));
    this.#received = '';
    this.#end(status);
  }

  #end(status: number): void {
    const answer = this.#answer;
    this.#answer = null;
    answer?.(status);
  }
}

/** The bytes of one question. */
export function questionOf(token: string): string {
  return `POST /v1/directory HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer ${token}\r\nContent-Length: 0\r\n\r\n`;
}
