import { observer, type types } from 'mediasoup';

/** A pipe transport that was made in this process, and the last that its worker said of it. */
export interface WatchedPipe {
  readonly transport: types.PipeTransport;
  readonly workerPid: number;
}

/**
 * Sees every pipe transport of every worker in this process, by mediasoup's own events and not by our books: what
 * entered a router, entered by one of these.
 */
export class TransportWatch {
  readonly pipes: WatchedPipe[] = [];
  readonly #onWorker = (worker: types.Worker): void => {
    worker.observer.on('newrouter', (router) => {
      router.observer.on('newtransport', (transport) => {
        if (isPipe(transport)) this.pipes.push({ transport, workerPid: worker.pid });
      });
    });
  };

  /** Of workers that start from now on. */
  constructor() {
    observer.on('newworker', this.#onWorker);
  }

  /** Pipe transports that are open at an address. */
  open(ip: string): types.PipeTransport[] {
    return this.pipes
      .map(({ transport }) => transport)
      .filter((transport) => !transport.closed && transport.tuple.localIp === ip);
  }

  /** How many were ever made at an address. */
  made(ip: string): number {
    return this.pipes.filter(({ transport }) => transport.tuple.localIp === ip).length;
  }

  /** Bytes that came in at an address, over its open pipe transports, as their worker counts them. */
  async received(ip: string): Promise<number> {
    const stats = await Promise.all(this.open(ip).map((transport) => transport.getStats()));
    return stats.flat().reduce((sum, { bytesReceived }) => sum + bytesReceived, 0);
  }

  async sent(ip: string): Promise<number> {
    const stats = await Promise.all(this.open(ip).map((transport) => transport.getStats()));
    return stats.flat().reduce((sum, { bytesSent }) => sum + bytesSent, 0);
  }

  close(): void {
    observer.off('newworker', this.#onWorker);
  }
}

function isPipe(transport: types.Transport): transport is types.PipeTransport {
  return transport.type === 'pipe';
}
