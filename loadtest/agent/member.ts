import { WatershedClient } from '../../src/client/client.ts';
import { nodeEnvironment } from '../../src/client/node.ts';
import type { RemoteTrack } from '../../src/client/subscriptions.ts';
import type { Source } from '../../src/protocol/state.ts';
import { fetchFrom } from '../measure/local-address.ts';
import type { MediaEngine, OwnTrack } from './engine.ts';
import type { Link } from './link.ts';
import type { MemberSpec, News } from './messages.ts';
import type { Relay } from './relay.ts';
import { speak } from './talk.ts';

/** No packet for so long, in ms, while somebody is publishing, is an interruption. */
const SILENCE = 500;

export interface MemberOptions {
  readonly engine: MediaEngine;
  /** What media is to pass, if anything. */
  readonly relay?: Relay;
  readonly tell: (news: News) => void;
}

/** One received stream that is still to be read. */
export interface Stream {
  readonly remote: RemoteTrack;
  /** Home region of who sends it. */
  readonly from: string;
  /** `performance.now()` when it was announced as playable. */
  readonly since: number;
}

/** One synthetic participant: the product's own client library, told what a person would do. */
export class Member {
  readonly spec: MemberSpec;
  readonly #options: MemberOptions;
  readonly #client: WatershedClient;
  readonly #link: Link | undefined;
  readonly #streams = new Map<string, Stream>();
  readonly #gone: Stream[] = [];
  readonly #own: OwnTrack[] = [];
  /** Producers of others whose consumers this one leaves paused. */
  readonly #unwatched = new Set<string>();
  #stopTalking: () => void = () => undefined;
  #startedAt = 0;
  /** Whether somebody published when this one came in: only then does the first packet say something. */
  #awaitsFirstPacket = false;
  #videos = 0;
  #begun = 0;
  #leaving = false;
  #hadMedia = false;
  /** Peers that have sent pictures. */
  readonly #seen = new Set<string>();
  #lastFlow = performance.now();
  #interruptedAt: number | null = null;

  constructor(spec: MemberSpec, options: MemberOptions) {
    this.spec = spec;
    this.#options = options;
    const { engine, relay } = options;
    const { address } = spec;
    this.#link = relay?.link(spec.region);
    const handlerFactory = engine.handlerFactory({
      bindAddress: address ?? '0.0.0.0',
      ...(this.#link !== undefined && { route: this.#link.route }),
    });
    const environment =
      address === undefined
        ? nodeEnvironment({ handlerFactory })
        : { ...nodeEnvironment({ handlerFactory, localAddress: address }), fetch: fetchFrom(address) };
    this.#client = new WatershedClient(environment, { consumersStartPaused: spec.subscribe !== 'all' });
    this.#client.on('track', (remote) => this.#onTrack(remote));
    this.#client.on('trackEnded', (remote) => {
      const stream = this.#streams.get(remote.consumerId);
      this.#streams.delete(remote.consumerId);
      if (remote.kind === 'video') this.#videos -= 1;
      if (stream !== undefined) this.#gone.push(stream);
    });
    this.#client.on('seat', (seat) => {
      if (!this.#leaving)
        options.tell({ type: 'seat', n: spec.n, datacenter: seat === null ? null : seat.datacenter });
    });
    this.#client.on('closed', (problem) => {
      if (this.#leaving || problem === null) return;
      options.tell({ type: 'lost', n: spec.n, code: problem.code, message: problem.message });
    });
  }

  /** Joins and publishes. Tells `joined` or `failed`; never rejects. */
  async join(): Promise<void> {
    const { n, token, frontDoors, direct, region, publish, talks, seed } = this.spec;
    const { tell, engine } = this.#options;
    this.#startedAt = performance.now();
    const outcome = await this.#client.connect({
      token,
      frontDoors,
      displayName: nameOf(region, n),
      ...(direct !== undefined && { direct }),
    });
    if (this.#leaving) return;
    if (!outcome.ok) return tell({ type: 'failed', n, ...short(outcome.problem) });
    if (outcome.value !== 'joined')
      return tell({ type: 'failed', n, code: outcome.value, message: 'no host lets anybody in' });
    const peers = [...(this.#client.room?.peers.values() ?? [])];
    this.#awaitsFirstPacket =
      this.spec.subscribe !== 'none' && peers.some(({ producers }) => producers.length > 0);
    tell({
      type: 'joined',
      n,
      ms: performance.now() - this.#startedAt,
      datacenter: this.#client.seat?.datacenter ?? '',
    });
    for (const publishing of publish) {
      const own = engine.ownTrack(publishing);
      this.#own.push(own);
      const published = await this.#client.publish(own.track, own.options);
      if (this.#leaving) return;
      if (!published.ok) tell({ type: 'failed', n, ...short(published.problem) });
    }
    const microphones = this.#own.filter(({ options }) => options.source === 'microphone');
    this.#stopTalking = speak(
      microphones.map(({ track }) => track),
      talks,
      seed,
    );
  }

  get seat(): string | null {
    return this.#client.seat?.datacenter ?? null;
  }

  /** Where somebody else in the room is seated; null where nobody says. */
  seatOf(peerId: string): string | null {
    return this.#client.room?.peers.get(peerId)?.datacenter ?? null;
  }

  get joined(): boolean {
    return this.#client.status === 'joined';
  }

  /** Streams to be read: those that come, and those that ended since the last call, once more. */
  streams(): Stream[] {
    return [...this.#streams.values(), ...this.#gone.splice(0)];
  }

  /** Streams that became playable since the last call. */
  takeBegun(): number {
    const begun = this.#begun;
    this.#begun = 0;
    return begun;
  }

  tracks(): MediaStreamTrack[] {
    return [...this.#streams.values()].map(({ remote }) => remote.track);
  }

  /** How many streams of each source should be coming: what others send, and neither they nor anybody else holds back. */
  meant(): Map<Source, number> {
    const meant = new Map<Source, number>();
    const { room } = this.#client;
    if (room === null || this.spec.subscribe === 'none') return meant;
    const held = new Set(
      [...room.consumers.values()].flatMap(({ producerId, pausedBy }) =>
        pausedBy === null ? [] : [producerId],
      ),
    );
    for (const { producers } of room.peers.values()) {
      for (const { producerId, source, paused } of producers) {
        if (paused || held.has(producerId) || this.#unwatched.has(producerId)) continue;
        meant.set(source, (meant.get(source) ?? 0) + 1);
      }
    }
    return meant;
  }

  /** The layer of a camera that a consumer is sent at the moment; null while the node has not said. */
  layerOf(consumerId: string): number | null {
    return this.#client.room?.consumers.get(consumerId)?.layers?.spatial ?? null;
  }

  /** Takes note of a first packet, by `performance.now()`. */
  onFirstPacket(at: number): void {
    if (!this.#awaitsFirstPacket) return;
    this.#awaitsFirstPacket = false;
    const { n } = this.spec;
    this.#options.tell({ type: 'firstPacket', n, ms: Math.max(0, at - this.#startedAt) });
  }

  /** Takes note of whether anything came since the last call, for interruptions. */
  onPulse(flows: boolean): void {
    const now = performance.now();
    const { n } = this.spec;
    const since = this.#interruptedAt;
    const tell = (at: number, ms: number | null): void =>
      this.#options.tell({ type: 'interrupted', n, at: performance.timeOrigin + at, ms });
    if (flows) {
      this.#hadMedia = true;
      this.#lastFlow = now;
      this.#interruptedAt = null;
      if (since !== null) tell(since, now - since);
    } else if (since === null && !this.#expectsMedia()) {
      this.#lastFlow = now;
    } else if (since === null && now - this.#lastFlow > SILENCE) {
      this.#interruptedAt = this.#lastFlow;
      tell(this.#lastFlow, null);
    }
  }

  async leave(): Promise<void> {
    if (this.#leaving) return;
    this.#leaving = true;
    this.#stopTalking();
    await this.#client.leave();
    this.#link?.close();
    this.#options.tell({ type: 'left', n: this.spec.n });
  }

  /**
   * Whether something should be coming: what this session had before it was lost, or the pictures of somebody who
   * has shown some and is still there. Streams and sources themselves come and go with a worker.
   */
  #expectsMedia(): boolean {
    if (!this.#hadMedia || this.spec.subscribe === 'none') return false;
    if (!this.joined) return true;
    const present = [...(this.#client.room?.peers.keys() ?? [])];
    return present.some((peerId) => this.#seen.has(peerId));
  }

  #onTrack(remote: RemoteTrack): void {
    const peer = this.#client.room?.peers.get(remote.peerId);
    this.#begun += 1;
    this.#streams.set(remote.consumerId, {
      remote,
      from: regionOf(peer?.displayName ?? ''),
      since: performance.now(),
    });
    const { subscribe } = this.spec;
    if (remote.kind === 'video') {
      this.#seen.add(remote.peerId);
      this.#videos += 1;
    }
    if (typeof subscribe === 'string') return;
    if (remote.kind === 'video') {
      if (subscribe.videos !== undefined && this.#videos > subscribe.videos) {
        this.#unwatched.add(remote.producerId);
        return;
      }
      if (subscribe.layer !== undefined)
        void this.#client.setConsumerLayers(remote.consumerId, subscribe.layer);
    }
    void this.#client.setConsumersPaused([remote.consumerId], false);
  }
}

/** A display name that tells the others of the run whose it is. */
function nameOf(region: string, n: number): string {
  return `${region} ${n}`;
}

function regionOf(name: string): string {
  return name.split(' ')[0] || 'unknown';
}

function short({ code, message }: { code: string; message: string }): { code: string; message: string } {
  return { code, message };
}
