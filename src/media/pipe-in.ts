import { randomUUID } from 'node:crypto';
import type { types } from 'mediasoup';
import { connectEnd, createEnd, End, endOf, PipeError, sameEnd } from './node-pipe.ts';
import type { RoomRouter } from './room-router.ts';
import type { PipeEnd, PipeOptions } from './types.ts';

/** The end, at one of our routers, of what another node's router sends to this room. Open while it is used. */
export class PipeIn {
  readonly pipeId = randomUUID();
  readonly node: string;
  readonly router: RoomRouter;
  readonly #end: End;
  readonly #onClosed: () => void;
  #far: { end: PipeEnd; connected: Promise<void> } | undefined;
  #users = 0;
  #closed = false;

  constructor(node: string, router: RoomRouter, options: PipeOptions | undefined, onClosed: () => void) {
    this.node = node;
    this.router = router;
    this.#onClosed = onClosed;
    this.#end = new End(createEnd(router, options), () => this.close());
  }

  get transport(): Promise<types.PipeTransport> {
    return this.#end.transport;
  }

  async end(): Promise<PipeEnd> {
    return endOf(await this.transport);
  }

  /**
   * Takes the far end's answer. A far end that is not the one before means that the far node has begun anew:
   * `pipe_lost`, and everything in this pipe with it.
   */
  async connect(end: PipeEnd): Promise<void> {
    if (this.#far && !sameEnd(this.#far.end, end)) {
      this.close();
      throw new PipeError('pipe_lost', 'The far node has another end for this pipe.');
    }
    this.#far ??= { end, connected: this.transport.then((transport) => connectEnd(transport, end)) };
    await this.#far.connected;
  }

  async produce(options: types.ProducerOptions): Promise<types.Producer> {
    return (await this.transport).produce(options);
  }

  use(): void {
    this.#users += 1;
  }

  leave(): void {
    this.#users -= 1;
    if (this.#users === 0) this.close();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#onClosed();
    this.#end.close();
  }
}
