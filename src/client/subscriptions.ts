import type { Consumer, Transport } from 'mediasoup-client/types';
import type { ConsumerInfo, Source } from '../protocol/state.ts';
import { Emitter } from './emitter.ts';
import type { Link } from './link.ts';
import { type Problem, toProblem } from './problem.ts';
import { parametersFromWire } from './rtp-wire.ts';
import { isOffline } from './transport-leg.ts';

/** Someone else's source, ready to be played. */
export interface RemoteTrack {
  readonly consumerId: string;
  readonly producerId: string;
  readonly peerId: string;
  readonly source: Source;
  readonly kind: 'audio' | 'video';
  readonly track: MediaStreamTrack;
  /** For statistics and encryption, in browsers. */
  readonly receiver: RTCRtpReceiver | undefined;
}

/** Consumers in one `resumeConsumers` request. */
const BATCH = 256;

/** What this participant receives: consumers that the node announced, made playable and set going. */
export class Subscriptions extends Emitter<{
  added: [RemoteTrack];
  removed: [RemoteTrack];
  failed: [Problem];
}> {
  readonly #link: Link;
  readonly #startPaused: boolean;
  readonly #tracks = new Map<string, { remote: RemoteTrack; consumer: Consumer }>();
  /** Announced, and not playable yet. */
  readonly #wanted = new Map<string, ConsumerInfo>();
  #transport: Transport | null = null;

  /** @param startPaused leaves it to the application to set consumers going */
  constructor(link: Link, startPaused: boolean) {
    super();
    this.#link = link;
    this.#startPaused = startPaused;
  }

  all(): RemoteTrack[] {
    return [...this.#tracks.values()].map(({ remote }) => remote);
  }

  /** The device's own figures of each track. */
  async stats(): Promise<{ consumerId: string; report: RTCStatsReport }[]> {
    const reports = [...this.#tracks.values()].map(async ({ consumer }) =>
      consumer.closed ? [] : [{ consumerId: consumer.id, report: await consumer.getStats() }],
    );
    return (await Promise.all(reports)).flat();
  }

  attach(transport: Transport): void {
    this.detach();
    this.#transport = transport;
    this.#create([...this.#wanted.values()]);
  }

  /** `consumersCreated`. One that is known already (told again by a fresh resume) is left as it is. */
  onCreated(consumers: readonly ConsumerInfo[]): void {
    const fresh = consumers.filter(({ consumerId }) => !this.#tracks.has(consumerId));
    for (const info of fresh) this.#wanted.set(info.consumerId, info);
    if (this.#transport !== null) this.#create(fresh);
  }

  onClosed(consumerId: string): void {
    this.#wanted.delete(consumerId);
    const known = this.#tracks.get(consumerId);
    if (known === undefined) return;
    this.#tracks.delete(consumerId);
    known.consumer.close();
    this.emit('removed', known.remote);
  }

  /** Closes every consumer that is not in `current`: what a fresh resume did not name. */
  keepOnly(current: ReadonlySet<string>): void {
    for (const id of [...this.#tracks.keys(), ...this.#wanted.keys()]) {
      if (!current.has(id)) this.onClosed(id);
    }
  }

  /** The transport is gone, and what it carried with it; what was not playable yet may come over a new one. */
  detach(): void {
    this.#transport = null;
    for (const id of [...this.#tracks.keys()]) this.onClosed(id);
  }

  /** The node made everything anew: forget what it announced before. */
  reset(): void {
    this.#wanted.clear();
    this.detach();
  }

  /** Idempotent. */
  close(): void {
    this.reset();
    this.removeAll();
  }

  #create(consumers: readonly ConsumerInfo[]): void {
    const transport = this.#transport;
    if (transport === null || consumers.length === 0) return;
    this.#consume(transport, consumers).catch((error: unknown) => {
      if (this.#transport === transport && !isOffline(error)) {
        this.emit('failed', toProblem(error, 'media_failed'));
      }
    });
  }

  async #consume(transport: Transport, consumers: readonly ConsumerInfo[]): Promise<void> {
    // All at once: mediasoup-client makes one negotiation of what is asked for in the same turn.
    const made = await Promise.allSettled(
      consumers.map(async (info) => {
        const consumer = await transport.consume({
          id: info.consumerId,
          producerId: info.producerId,
          kind: info.kind,
          rtpParameters: parametersFromWire(info.rtpParameters),
          // Sound and picture of one origin are played in step.
          streamId: `${info.peerId}-${info.source === 'screen' || info.source === 'screenAudio' ? 'screen' : 'person'}`,
        });
        if (this.#transport !== transport || !this.#wanted.delete(info.consumerId)) {
          consumer.close();
          return null;
        }
        const { consumerId, producerId, peerId, source, kind } = info;
        const { track, rtpReceiver: receiver } = consumer;
        const remote: RemoteTrack = { consumerId, producerId, peerId, source, kind, track, receiver };
        this.#tracks.set(consumerId, { remote, consumer });
        this.emit('added', remote);
        return consumerId;
      }),
    );
    if (this.#transport !== transport) return;
    for (const result of made) {
      if (result.status === 'rejected') this.emit('failed', toProblem(result.reason, 'media_failed'));
    }
    if (this.#startPaused) return;
    const playable = made
      .flatMap((result) => (result.status === 'fulfilled' && result.value !== null ? [result.value] : []))
      .filter((id) => this.#tracks.has(id));
    for (let start = 0; start < playable.length; start += BATCH) {
      await this.#link.request('resumeConsumers', { consumerIds: playable.slice(start, start + BATCH) });
    }
  }
}
