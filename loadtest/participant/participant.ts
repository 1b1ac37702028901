import { cleanup } from 'node-datachannel';
import { z } from 'zod';
import { WatershedClient } from '../../src/client/client.ts';
import type { ClientOptions } from '../../src/client/client-types.ts';
import type { PublishOptions } from '../../src/client/encodings.ts';
import { nodeEnvironment } from '../../src/client/node.ts';
import type { Outcome } from '../../src/client/problem.ts';
import type { DirectoryKeys } from '../../src/protocol/directory.ts';
import type { Source } from '../../src/protocol/state.ts';
import { syntheticHandlerFactory } from './handler.ts';
import type { StreamStats } from './meter.ts';
import type { PeerLinkOptions } from './peer-link.ts';
import type { SendStats } from './rtp-sender.ts';
import { SyntheticTrack, type TrackShape } from './synthetic-track.ts';

/** One source to publish: only its name, or how. */
export type Publishing = Source | (PublishOptions & { readonly shape?: Omit<TrackShape, 'kind'> });

export interface ParticipantOptions extends ClientOptions {
  readonly token: string;
  /** Front doors (`http…` or `ws…`). */
  readonly frontDoors?: readonly string[];
  /** A node to join without a directory. */
  readonly url?: string;
  readonly keys?: DirectoryKeys['keys'];
  readonly displayName?: string;
  /** Published as soon as the room is joined. Default none. */
  readonly publish?: readonly Publishing[];
  /** False: what others send stays paused. Default true. */
  readonly subscribe?: boolean;
  /** Local address for media; `127.0.0.1` by default. */
  readonly bindAddress?: string;
  /** Where media goes in place of the node's address: through a relay. */
  readonly route?: PeerLinkOptions['route'];
}

/** What a participant received from one producer. */
export interface Received extends StreamStats {
  readonly consumerId: string;
  readonly producerId: string;
  readonly peerId: string;
  readonly source: Source;
}

/** What a participant sent of one source, one entry for each encoding from the lowest. */
export interface Sent extends SendStats {
  readonly source: Source;
}

export interface ParticipantStats {
  readonly sent: readonly Sent[];
  readonly received: readonly Received[];
}

/** A participant without a person: the client library over real ICE, DTLS and SRTP, with made-up media. */
export interface Participant {
  readonly client: WatershedClient;
  /** Joins, and publishes what was asked for; the first problem ends it. */
  join(): Promise<Outcome<'joined' | 'waiting'>>;
  publish(publishing: Publishing): Promise<Outcome<unknown>>;
  stats(): Promise<ParticipantStats>;
  leave(): Promise<void>;
}

export function createParticipant(options: ParticipantOptions): Participant {
  const { bindAddress = '127.0.0.1', route } = options;
  const handlerFactory = syntheticHandlerFactory({ bindAddress, ...(route !== undefined && { route }) });
  const environment = nodeEnvironment({ handlerFactory });
  const client = new WatershedClient(environment, {
    consumersStartPaused: options.subscribe === false,
    ...options,
  });
  const publish = (publishing: Publishing): Promise<Outcome<unknown>> => {
    const wanted = typeof publishing === 'string' ? { source: publishing } : publishing;
    const kind = wanted.source === 'camera' || wanted.source === 'screen' ? 'video' : 'audio';
    return client.publish(new SyntheticTrack({ ...wanted.shape, kind }), wanted);
  };
  return {
    client,
    publish,
    async join() {
      const outcome = await client.connect({
        token: options.token,
        frontDoors: options.frontDoors ?? (options.url === undefined ? [] : [options.url]),
        ...(options.frontDoors === undefined && options.url !== undefined ? { direct: options.url } : {}),
        ...(options.keys === undefined ? {} : { keys: options.keys }),
        ...(options.displayName === undefined ? {} : { displayName: options.displayName }),
      });
      if (!outcome.ok || outcome.value !== 'joined') return outcome;
      const published = await Promise.all((options.publish ?? []).map(publish));
      const failed = published.find((result) => !result.ok);
      return failed === undefined || failed.ok ? outcome : failed;
    },
    stats: () => participantStats(client),
    leave: () => client.leave(),
  };
}

/**
 * Ends node-datachannel's threads, which would keep the process for half a minute: for a program whose last
 * participant has left.
 */
export function releaseWebRtc(): void {
  cleanup();
}

async function participantStats(client: WatershedClient): Promise<ParticipantStats> {
  const received = client.tracks.flatMap(({ track, consumerId, producerId, peerId, source }): Received[] =>
    track instanceof SyntheticTrack && track.meter !== null
      ? [{ consumerId, producerId, peerId, source, ...track.meter.stats() }]
      : [],
  );
  const local = await client.getLocalStats();
  const sent = local.ok ? local.value.sent.flatMap(({ source, report }) => sentOf(source, report)) : [];
  return { sent, received };
}

const sentSchema = z.object({
  stream: z.number(),
  packets: z.number(),
  bytes: z.number(),
  keyFrameRequests: z.number(),
  retransmitted: z.number(),
  refused: z.number(),
});

function sentOf(source: Source, report: RTCStatsReport): Sent[] {
  const sent: Sent[] = [];
  report.forEach((entry: unknown) => {
    sent.push({ source, ...sentSchema.parse(entry) });
  });
  return sent;
}
