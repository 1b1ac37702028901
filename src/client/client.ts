import type { ResponseOf } from '../protocol/methods.ts';
import type { Source } from '../protocol/state.ts';
import type { ClientEvents, ClientOptions, ClientStatus, ConnectOptions, Seat } from './client-types.ts';
import { Emitter } from './emitter.ts';
import type { PublishOptions } from './encodings.ts';
import type { ClientEnvironment } from './environment.ts';
import { Membership } from './membership.ts';
import { clientError, fail, type Outcome, outcomeOf, problemOf } from './problem.ts';
import type { PublicationView } from './publication.ts';
import type { RoomState } from './room-state.ts';
import type { RemoteTrack } from './subscriptions.ts';

/** Reports of the WebRTC device, as `RTCRtpSender.getStats` and `RTCRtpReceiver.getStats` give them. */
export interface LocalStats {
  readonly sent: readonly { readonly source: Source; readonly report: RTCStatsReport }[];
  readonly received: readonly { readonly consumerId: string; readonly report: RTCStatsReport }[];
}

/**
 * A participant of one meeting at a time, in a browser or in Node (see `browser.ts` and `node.ts` for the
 * environment). Whatever an application asks for comes back as an `Outcome`; nothing rejects. What happens by
 * itself is told by events.
 */
export class WatershedClient extends Emitter<ClientEvents> {
  readonly #environment: ClientEnvironment;
  readonly #options: ClientOptions;
  #membership: Membership | null = null;
  /** Counts `connect` and `leave`: of several at once the last one called counts. */
  #calls = 0;

  constructor(environment: ClientEnvironment, options: ClientOptions = {}) {
    super();
    this.#environment = environment;
    this.#options = options;
  }

  get status(): ClientStatus {
    return this.#membership?.status ?? 'idle';
  }

  /** Where the session is served; null while it is not. */
  get seat(): Seat | null {
    return this.#membership?.seat ?? null;
  }

  /** What the node has said of the room; null before the first join. */
  get room(): RoomState | null {
    return this.#membership?.room ?? null;
  }

  /** Everything that can be played at the moment. */
  get tracks(): RemoteTrack[] {
    return this.#membership?.media.subscriptions.all() ?? [];
  }

  get publications(): PublicationView[] {
    return this.#membership?.media.publications.all() ?? [];
  }

  /**
   * Asks the directory, walks down its list and joins. Resolves when joined, when waiting for the host (`joined`
   * follows as a status), or with the problem. An earlier membership is left first; `closed` where `connect` or
   * `leave` was called again before this was done.
   */
  async connect(options: ConnectOptions): Promise<Outcome<'joined' | 'waiting'>> {
    const left = this.leave();
    const call = this.#calls;
    await left;
    if (call !== this.#calls) return fail(problemOf('closed'));
    const membership = new Membership(this.#environment, this.#options, options, this);
    this.#membership = membership;
    return membership.start();
  }

  /** Leaves the meeting and stops every published track. Always succeeds; idempotent. */
  async leave(): Promise<void> {
    this.#calls += 1;
    await this.#membership?.leave();
  }

  /** Publishes a track. The track is the client's from now on: `unpublish` and `leave` stop it. */
  publish(track: MediaStreamTrack, options: PublishOptions): Promise<Outcome<PublicationView>> {
    return this.#do((membership) => membership.media.publications.publish(track, options));
  }

  unpublish(source: Source): Promise<Outcome<void>> {
    return this.#do((membership) => membership.media.publications.unpublish(source));
  }

  /** Mutes or unmutes; nothing leaves this machine while a source is paused. */
  setPaused(source: Source, paused: boolean): Promise<Outcome<void>> {
    return this.#do((membership) => membership.media.publications.setPaused(source, paused));
  }

  /** Another device's track for a source that is published. */
  replaceTrack(source: Source, track: MediaStreamTrack): Promise<Outcome<void>> {
    return this.#do((membership) => membership.media.publications.replaceTrack(source, track));
  }

  /** Highest layers wanted of a video: 0 is the smallest picture. */
  setConsumerLayers(
    consumerId: string,
    spatialLayer: number,
    temporalLayer?: number,
  ): Promise<Outcome<void>> {
    const layers = temporalLayer === undefined ? { spatialLayer } : { spatialLayer, temporalLayer };
    return this.#do(async ({ link }) => {
      await link.request('setConsumerLayers', { consumerId, ...layers });
    });
  }

  /** 1 (first to lose bandwidth) to 255. */
  setConsumerPriority(consumerId: string, priority: number): Promise<Outcome<void>> {
    return this.#do(async ({ link }) => {
      await link.request('setConsumerPriority', { consumerId, priority });
    });
  }

  /** Stops or restarts what others send, e.g. for videos that are out of view. */
  setConsumersPaused(consumerIds: readonly string[], paused: boolean): Promise<Outcome<void>> {
    return this.#do(async ({ link }) => {
      if (consumerIds.length === 0) return;
      await link.request(paused ? 'pauseConsumers' : 'resumeConsumers', { consumerIds: [...consumerIds] });
    });
  }

  requestKeyFrame(consumerId: string): Promise<Outcome<void>> {
    return this.#do(async ({ link }) => {
      await link.request('requestKeyFrame', { consumerId });
    });
  }

  sendChat(text: string): Promise<Outcome<ResponseOf<'sendChat'>>> {
    return this.#do(({ link }) => link.request('sendChat', { text }));
  }

  /** The node's statistics of this peer's media. */
  getStats(): Promise<Outcome<ResponseOf<'getStats'>['stats']>> {
    return this.#do(async ({ link }) => (await link.request('getStats', {})).stats);
  }

  /** This machine's own statistics of what it sends and gets. */
  getLocalStats(): Promise<Outcome<LocalStats>> {
    return this.#do(async ({ media }) => {
      const [sent, received] = await Promise.all([media.publications.stats(), media.subscriptions.stats()]);
      return { sent, received };
    });
  }

  /** Host only: mutes a peer's microphone, or another of its sources. */
  mutePeer(peerId: string, source?: Source): Promise<Outcome<void>> {
    return this.#do(async ({ link }) => {
      await link.request('mutePeer', source === undefined ? { peerId } : { peerId, source });
    });
  }

  /** Host only. */
  removePeer(peerId: string): Promise<Outcome<void>> {
    return this.#do(async ({ link }) => {
      await link.request('removePeer', { peerId });
    });
  }

  /** Host only: nobody new gets in. */
  lockRoom(locked: boolean): Promise<Outcome<void>> {
    return this.#do(async ({ link }) => {
      await link.request('lockRoom', { locked });
    });
  }

  /** Host only: ends the meeting for everybody. */
  endRoom(): Promise<Outcome<void>> {
    return this.#do(async ({ link }) => {
      await link.request('endRoom', {});
    });
  }

  /** Host only: lets one in who waits. */
  admitPeer(peerId: string): Promise<Outcome<void>> {
    return this.#do(async ({ link }) => {
      await link.request('admitPeer', { peerId });
    });
  }

  /** Host only: sends one away who waits. */
  denyPeer(peerId: string): Promise<Outcome<void>> {
    return this.#do(async ({ link }) => {
      await link.request('denyPeer', { peerId });
    });
  }

  #do<T>(action: (membership: Membership) => Promise<T>): Promise<Outcome<T>> {
    return outcomeOf(async () => {
      const membership = this.#membership;
      if (membership === null || membership.status === 'closed') throw clientError('not_connected');
      return await action(membership);
    }, 'media_failed');
  }
}
