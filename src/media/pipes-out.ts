import type { types } from 'mediasoup';
import type { Logger } from 'pino';
import { WatershedError } from '../protocol/errors.ts';
import { guarded } from './guard.ts';
import { asWatershedError } from './media-error.ts';
import { align, connectEnd, createEnd, End, endOf, PipeError, Steps, sameEnd, statsOf } from './node-pipe.ts';
import type { PipedTo, ProducerLeg } from './producer-leg.ts';
import type { RoomRouter } from './room-router.ts';
import { toWireRtpParameters } from './rtp.ts';
import type {
  MediaGate,
  MediaOptions,
  PipeAnswer,
  PipedProducer,
  PipeEnd,
  PipeOut,
  PipeRequest,
  PipeStats,
  PipeTarget,
} from './types.ts';

/** Pipes of one room to one node: one for each pair of routers, so a few at most. */
const MAX_PIPES_PER_NODE = 32;

export interface PipesOutHost {
  readonly gate: MediaGate;
  readonly options: MediaOptions;
  readonly logger: Logger;
  /** A producer of a peer of this node; undefined for every other. */
  local(producerId: string): ProducerLeg | undefined;
  /** What is sent to a node ended, and that node did not ask for it. */
  ended(out: PipeOut): void;
}

/** What a room's peers here publish, as it is sent to other nodes. */
export class PipesOut {
  readonly #host: PipesOutHost;
  readonly #pipes = new Map<string, Pipe>();
  #closed = false;

  constructor(host: PipesOutHost) {
    this.#host = host;
  }

  async pipe(to: PipeTarget, request: PipeRequest): Promise<PipeAnswer> {
    const { gate, options } = this.#host;
    const leg = this.#host.local(request.producerId);
    if (!leg || leg.closed || this.#closed) throw new WatershedError('not_found');
    gate.assertPipe(leg.peerId, to.datacenter);
    const key = keyOf(to, request);
    let pipe = this.#pipes.get(key);
    if (!pipe) {
      if (this.#to(to.node).length >= MAX_PIPES_PER_NODE) {
        throw new PipeError('too_many_pipes', 'The node has as many pipes from this room as it may.');
      }
      const made: Pipe = new Pipe(to, request, leg.home, options, () => {
        if (this.#pipes.get(key) === made) this.#pipes.delete(key);
      });
      this.#pipes.set(key, made);
      pipe = made;
    }
    if (pipe.datacenter !== to.datacenter || pipe.home !== leg.home || !sameEnd(pipe.far, request.end)) {
      throw new WatershedError('bad_request', 'this pipe has other ends');
    }
    const flow = pipe.flows.get(leg.id) ?? new Flow(pipe, leg, this.#host);
    try {
      return await flow.answer;
    } catch (error) {
      throw error instanceof PipeError ? error : asWatershedError(error);
    }
  }

  unpipe({ node }: { readonly node: string }, request: PipedProducer): void {
    this.#pipes.get(keyOf({ node }, request))?.flows.get(request.producerId)?.end('asked');
  }

  setWanted(node: string, producerId: string, spatialLayer: number | null): void {
    for (const pipe of this.#to(node)) pipe.flows.get(producerId)?.want(spatialLayer);
  }

  all(): PipeOut[] {
    return this.#flows().map((flow) => flow.out);
  }

  /** Closes what the gate now forbids of a peer's. */
  judge(peerId: string): void {
    for (const flow of this.#flows()) {
      if (flow.out.peerId !== peerId) continue;
      try {
        this.#host.gate.assertPipe(peerId, flow.out.datacenter);
      } catch {
        // The gate has recorded why.
        flow.end('ended');
      }
    }
  }

  async stats(): Promise<PipeStats[]> {
    const stats = await Promise.all([...this.#pipes.values()].map((pipe) => statsOf(pipe, 'out')));
    return stats.flatMap((stat) => stat ?? []);
  }

  close(): void {
    this.#closed = true;
    for (const flow of this.#flows()) flow.end('ended');
  }

  #flows(): Flow[] {
    return [...this.#pipes.values()].flatMap(({ flows }) => [...flows.values()]);
  }

  #to(node: string): Pipe[] {
    return [...this.#pipes.values()].filter((pipe) => pipe.node === node);
  }
}

function keyOf({ node }: { readonly node: string }, { pipeId }: PipedProducer): string {
  return JSON.stringify([node, pipeId]);
}

/** Our end of one pipe to another node: open while anything flows through it. */
class Pipe {
  readonly node: string;
  readonly datacenter: string;
  readonly pipeId: string;
  readonly home: RoomRouter;
  readonly far: PipeEnd;
  readonly flows = new Map<string, Flow>();
  readonly #end: End;
  readonly #onClosed: () => void;

  constructor(
    { node, datacenter }: PipeTarget,
    { pipeId, end }: PipeRequest,
    home: RoomRouter,
    { pipes }: MediaOptions,
    onClosed: () => void,
  ) {
    this.node = node;
    this.datacenter = datacenter;
    this.pipeId = pipeId;
    this.home = home;
    this.far = end;
    this.#onClosed = onClosed;
    this.#end = new End(
      createEnd(home, pipes).then(async (transport) => {
        try {
          await connectEnd(transport, end);
          return transport;
        } catch (error) {
          transport.close();
          throw error;
        }
      }),
    );
  }

  /** Connected: it sends to the far end alone. */
  get transport(): Promise<types.PipeTransport> {
    return this.#end.transport;
  }

  remove(flow: Flow): void {
    this.flows.delete(flow.out.producerId);
    if (this.flows.size > 0) return;
    this.#onClosed();
    this.#end.close();
  }
}

/** One producer in a pipe. */
class Flow implements PipedTo {
  readonly out: PipeOut;
  readonly answer: Promise<PipeAnswer>;
  readonly #pipe: Pipe;
  readonly #leg: ProducerLeg;
  readonly #host: PipesOutHost;
  readonly #steps: Steps;
  #wanted: number | null;
  #consumer: types.Consumer | undefined;
  #ended = false;

  constructor(pipe: Pipe, leg: ProducerLeg, host: PipesOutHost) {
    const { node, datacenter, pipeId } = pipe;
    this.out = { node, datacenter, pipeId, producerId: leg.id, peerId: leg.peerId };
    this.#pipe = pipe;
    this.#leg = leg;
    this.#host = host;
    this.#steps = new Steps(host.logger);
    this.#wanted = leg.topLayer;
    pipe.flows.set(leg.id, this);
    leg.pipes.add(this);
    leg.watchersChanged();
    pipe.home.countConsumer(1);
    this.answer = this.#open().catch((error: unknown) => {
      this.end('asked');
      throw error;
    });
  }

  get wantedLayer(): number | null {
    return this.#wanted;
  }

  /** Nothing is sent while nothing is wanted; mediasoup pipes all layers or none. */
  want(spatialLayer: number | null): void {
    this.#wanted = spatialLayer === null ? null : Math.min(Math.max(0, spatialLayer), this.#leg.topLayer);
    this.#leg.watchersChanged();
    void this.#align();
  }

  close(): void {
    this.end('ended');
  }

  end(why: 'asked' | 'ended'): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#consumer?.close();
    this.#leg.pipes.delete(this);
    this.#leg.watchersChanged();
    this.#pipe.home.countConsumer(-1);
    this.#pipe.remove(this);
    if (why === 'ended') guarded(this.#host.logger, 'unpiped', () => this.#host.ended(this.out));
  }

  async #open(): Promise<PipeAnswer> {
    const transport = await this.#pipe.transport;
    this.#assertStill();
    const consumer = await transport.consume({ producerId: this.#leg.id });
    try {
      this.#assertStill();
    } catch (error) {
      consumer.close();
      throw error;
    }
    this.#consumer = consumer;
    consumer.observer.once('close', () => this.end('ended'));
    await this.#align();
    this.#assertStill();
    return {
      end: endOf(transport),
      rtpParameters: toWireRtpParameters(consumer.rtpParameters),
      paused: this.#leg.pausedBy !== null,
    };
  }

  #assertStill(): void {
    if (this.#ended || this.#leg.closed) throw new WatershedError('not_found');
    this.#host.gate.assertPipe(this.out.peerId, this.out.datacenter);
  }

  #align(): Promise<void> {
    return this.#steps.run(async () => {
      if (this.#consumer) await align(this.#consumer, this.#wanted === null);
    });
  }
}
