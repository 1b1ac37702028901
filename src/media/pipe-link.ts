import type { types } from 'mediasoup';

/**
 * A pair of pipe transports that carries producers from one worker's router to another's, in this process's own
 * machine only: hence loopback, and no SRTP. (mediasoup's own `pipeToRouter` leaves promises unhandled when a
 * worker dies under it, which would end this process.)
 */
export class PipeLink {
  readonly #from: types.PipeTransport;
  readonly #to: types.PipeTransport;

  private constructor(from: types.PipeTransport, to: types.PipeTransport) {
    this.#from = from;
    this.#to = to;
  }

  static async open(from: types.Router, to: types.Router): Promise<PipeLink> {
    const made = await Promise.allSettled([createEnd(from), createEnd(to)]);
    const ends = made.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
    try {
      const [near, far] = ends;
      if (!near || !far) throw made.find((result) => result.status === 'rejected')?.reason;
      await Promise.all([near.connect(addressOf(far)), far.connect(addressOf(near))]);
      return new PipeLink(near, far);
    } catch (error) {
      for (const end of ends) end.close();
      throw error;
    }
  }

  /**
   * Copies a producer, with its id, to the far router. The copy ends with the producer, and asks it for key
   * frames at most every `keyFrameInterval` ms.
   */
  async carry(producer: types.Producer, keyFrameInterval: number): Promise<types.Producer> {
    const consumer = await this.#from.consume({ producerId: producer.id });
    try {
      const copy = await this.#to.produce({
        id: producer.id,
        kind: consumer.kind,
        rtpParameters: consumer.rtpParameters,
        paused: consumer.producerPaused,
        keyFrameRequestDelay: keyFrameInterval,
      });
      copy.observer.once('close', () => consumer.close());
      consumer.observer.once('close', () => copy.close());
      if (producer.closed) copy.close();
      return copy;
    } catch (error) {
      consumer.close();
      throw error;
    }
  }

  close(): void {
    this.#from.close();
    this.#to.close();
  }
}

function createEnd(router: types.Router): Promise<types.PipeTransport> {
  return router.createPipeTransport({ listenInfo: { protocol: 'udp', ip: '127.0.0.1' }, enableSctp: false });
}

function addressOf(transport: types.PipeTransport): { ip: string; port: number } {
  return { ip: transport.tuple.localAddress, port: transport.tuple.localPort };
}
