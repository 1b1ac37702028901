import { WatershedError } from '../../protocol/errors.ts';
import type {
  MediaEngine,
  MediaGate,
  MediaLimits,
  MediaRoom,
  PipeAnswer,
  PipeEnd,
  PipeRequest,
  PipeSource,
  RemotePublication,
} from '../types.ts';
import { startEngine, TestGate } from './fixture.ts';
import { TestPeer } from './test-peer.ts';

/** One of several nodes in this process: an engine at an address of its own, and its part of the one room. */
export class TestNode {
  readonly name: string;
  readonly datacenter: string;
  readonly engine: MediaEngine;
  readonly gate = new TestGate();
  room!: MediaRoom;
  readonly #peers: TestPeer[] = [];

  private constructor(name: string, datacenter: string, engine: MediaEngine) {
    this.name = name;
    this.datacenter = datacenter;
    this.engine = engine;
  }

  static async start(
    name: string,
    datacenter: string,
    ip: string,
    {
      workers = 1,
      limits = {},
      pipes = true,
    }: { workers?: number; limits?: Partial<MediaLimits>; pipes?: boolean } = {},
  ): Promise<TestNode> {
    const engine = await startEngine({ workers, limits, listen: [{ ip }], ...(pipes && { pipes: { ip } }) });
    return new TestNode(name, datacenter, engine);
  }

  async open(lastN: number | null = null, gate: MediaGate = this.gate): Promise<void> {
    this.gate.refuses.clear();
    this.gate.asked.length = 0;
    this.room = await this.engine.openRoom('room', { lastN, gate });
  }

  join(peerId: string): TestPeer {
    const peer = new TestPeer(this.room.addPeer(peerId));
    this.#peers.push(peer);
    return peer;
  }

  /** Ends the room, and its participants. */
  clear(): void {
    for (const peer of this.#peers.splice(0)) peer.close();
    this.room?.close();
  }
}

/** What changes the ends on their way, such as a relay between them. */
export interface Between {
  /** The sender's end as the receiver is told of it, and the receiver's as the sender is. */
  ends(receiver: PipeEnd): Promise<{ receiver: PipeEnd; sender(sender: PipeEnd): PipeEnd }>;
}

/** The way from one node to another without links: each request is a call. */
export class DirectSource implements PipeSource {
  readonly node: string;
  readonly #to: TestNode;
  readonly #at: TestNode;
  readonly #between: Between | undefined;
  /** Every request, as `open PRODUCER`, `release PRODUCER` or `wanted PRODUCER LAYER`. */
  readonly asked: string[] = [];
  readonly requests: PipeRequest[] = [];
  readonly #lost = new Map<string, () => void>();
  /** The far node cannot be reached. */
  cut = false;
  /** What requests wait for. */
  delay: Promise<void> = Promise.resolve();

  /** `at` asks `to`. */
  constructor(at: TestNode, to: TestNode, between?: Between) {
    this.node = to.name;
    this.#at = at;
    this.#to = to;
    this.#between = between;
    to.room.on('unpiped', ({ node, producerId }) => {
      if (node === at.name) this.lose(producerId);
    });
  }

  async open(request: PipeRequest, lost: () => void): Promise<PipeAnswer> {
    this.asked.push(`open ${request.producerId}`);
    this.requests.push(request);
    await this.delay;
    if (this.cut) throw new WatershedError('not_ready');
    this.#lost.set(request.producerId, lost);
    const { name: node, datacenter } = this.#at;
    const between = await this.#between?.ends(request.end);
    const answer = await this.#to.room.pipe(
      { node, datacenter },
      { ...request, end: between?.receiver ?? request.end },
    );
    return { ...answer, end: between?.sender(answer.end) ?? answer.end };
  }

  release({ pipeId, producerId }: { pipeId: string; producerId: string }): void {
    this.asked.push(`release ${producerId}`);
    this.#lost.delete(producerId);
    this.#to.room.unpipe({ node: this.#at.name }, { pipeId, producerId });
  }

  wanted(producerId: string, spatialLayer: number | null): void {
    this.asked.push(`wanted ${producerId} ${spatialLayer}`);
    this.#to.room.setRemoteWanted(this.#at.name, producerId, spatialLayer);
  }

  /** What was opened has ended by itself. */
  lose(producerId: string): void {
    const lost = this.#lost.get(producerId);
    this.#lost.delete(producerId);
    lost?.();
  }
}

/** Offers a producer of one node to the other, and tells it of pauses, as federation does. */
export function offer(
  from: TestNode,
  to: TestNode,
  producerId: string,
  source: PipeSource,
): RemotePublication {
  const described = from.room.describe(producerId);
  if (!described) throw new Error(`${producerId} is not there`);
  return to.room.addRemote(described, source);
}
