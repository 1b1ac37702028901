import type { RemoteTrack } from '../../src/client/subscriptions.ts';
import type { Source } from '../../src/protocol/state.ts';
import type { FlowReading } from '../measure/flow.ts';
import { bucketOf, Histogram } from '../measure/histogram.ts';
import { Member, type MemberOptions, type Stream } from './member.ts';
import type { AgentReading, MeantReading, MemberSpec, PairReading } from './messages.ts';

/** How often the streams are looked at for interruptions, in ms. */
const PULSE = 100;

interface Pair extends Omit<PairReading, 'latency' | 'jitter'> {
  readonly histogram: Histogram;
  readonly jitters: Histogram;
}

/** All participants of one process. */
export class Crowd {
  readonly #options: MemberOptions;
  readonly #members = new Map<number, Member>();
  /** What was read of each stream before, to tell what is new. */
  readonly #before = new WeakMap<MediaStreamTrack, FlowReading>();
  /** The layer that each camera was last received in. */
  readonly #layers = new WeakMap<MediaStreamTrack, number>();
  /** Packets of each stream at the pulse before. */
  readonly #pulsed = new WeakMap<MediaStreamTrack, number>();
  /** Of streams whose participant has left since the last reading. */
  readonly #kept: StreamDelta[] = [];
  /** Streams that began for them. */
  #keptBegun = 0;
  #pulses: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(options: MemberOptions) {
    this.#options = options;
    this.#pulseLater();
  }

  async join(spec: MemberSpec): Promise<void> {
    const member = new Member(spec, this.#options);
    this.#members.set(spec.n, member);
    await member.join();
  }

  async leave(n: number): Promise<void> {
    const member = this.#members.get(n);
    if (member === undefined) return;
    this.#members.delete(n);
    const streams = member.streams().map((stream) => ({ member, stream }));
    await member.leave();
    this.#keptBegun += member.takeBegun();
    // Once more: what came since the last reading counts too.
    this.#kept.push(...(await this.#readStreams(streams)));
  }

  /** Adds up what came since the last reading. */
  async read(): Promise<AgentReading> {
    const members = [...this.#members.values()];
    const streams = members.flatMap((member) => member.streams().map((stream) => ({ member, stream })));
    const readings = [...this.#kept.splice(0), ...(await this.#readStreams(streams))];
    const begun = members.reduce((sum, member) => sum + member.takeBegun(), this.#keptBegun);
    this.#keptBegun = 0;
    const seats: Record<string, number> = {};
    for (const { joined, seat } of members) if (joined && seat !== null) seats[seat] = (seats[seat] ?? 0) + 1;
    const { engine } = this.#options;
    const [sent, lateness] = await Promise.all([engine.sent(), engine.lateness()]);
    return {
      type: 'reading',
      joined: members.filter(({ joined }) => joined).length,
      meant: meantOf(members, readings),
      ...sumOf(readings),
      sent,
      lateness,
      begun,
      seats,
    };
  }

  /** Everybody leaves. */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#pulses);
    const members = [...this.#members.values()];
    this.#members.clear();
    await Promise.allSettled(members.map((member) => member.leave()));
  }

  async #readStreams(
    streams: readonly { readonly member: Member; readonly stream: Stream }[],
  ): Promise<StreamDelta[]> {
    const flows = await this.#options.engine.read(streams.map(({ stream }) => stream.remote.track));
    const firsts = new Map<Member, number>();
    const deltas = streams.flatMap(({ member, stream }): StreamDelta[] => {
      const { remote, from } = stream;
      const now = flows.get(remote.track);
      if (now === undefined) return [];
      const before = this.#before.get(remote.track);
      this.#before.set(remote.track, now);
      if (now.firstPacketMs !== null && before?.firstPacketMs == null)
        firsts.set(member, Math.min(firsts.get(member) ?? Infinity, stream.since + now.firstPacketMs));
      // Of somebody who has left, nobody says it any more.
      const spatial = member.layerOf(remote.consumerId) ?? this.#layers.get(remote.track) ?? 0;
      this.#layers.set(remote.track, spatial);
      const camera = remote.kind === 'video' && remote.source === 'camera';
      const video = camera ? `camera ${spatial}` : remote.source;
      return [
        {
          n: member.spec.n,
          source: remote.source,
          from,
          to: member.spec.region,
          layer: remote.kind === 'audio' ? 'audio' : video,
          spatial: camera ? spatial : null,
          pipe: pipeOf(member, remote),
          now,
          packets: now.packets - (before?.packets ?? 0),
          bytes: now.bytes - (before?.bytes ?? 0),
          // A packet that came late after all takes back what was counted before.
          missing: now.missing - (before?.missing ?? 0),
          freezes: now.freezes - (before?.freezes ?? 0),
        },
      ];
    });
    // A reading is of several streams, of which one may have been silent for long: the earliest is meant.
    for (const [member, at] of firsts) member.onFirstPacket(at);
    return deltas;
  }

  #pulseLater(): void {
    this.#pulses = setTimeout(async () => {
      await this.#pulse();
      if (!this.#closed) this.#pulseLater();
    }, PULSE);
  }

  async #pulse(): Promise<void> {
    const members = [...this.#members.values()];
    const counts = await this.#options.engine.pulse(members.flatMap((member) => member.tracks()));
    for (const member of members) {
      let flows = false;
      for (const track of member.tracks()) {
        const packets = counts.get(track);
        if (packets === undefined) continue;
        flows ||= packets > (this.#pulsed.get(track) ?? 0);
        this.#pulsed.set(track, packets);
      }
      member.onPulse(flows);
    }
  }
}

interface StreamDelta {
  readonly n: number;
  readonly source: Source;
  readonly from: string;
  readonly to: string;
  readonly layer: string;
  /** Of a camera. */
  readonly spatial: number | null;
  /** Name of the source at this datacenter, where it comes from another one. */
  readonly pipe: string | null;
  readonly now: FlowReading;
  readonly packets: number;
  readonly bytes: number;
  readonly missing: number;
  readonly freezes: number;
}

/** What is meant for those who are there, beside what came of it. */
function meantOf(members: readonly Member[], deltas: readonly StreamDelta[]): MeantReading[] {
  const bytes = new Map<string, number>();
  for (const { n, source, bytes: more } of deltas)
    bytes.set(`${n} ${source}`, (bytes.get(`${n} ${source}`) ?? 0) + more);
  return members.flatMap((member) =>
    [...member.meant()].map(([source, streams]) => {
      const { n, region: to } = member.spec;
      return { n, to, source, streams, bytes: bytes.get(`${n} ${source}`) ?? 0 };
    }),
  );
}

function pipeOf(member: Member, { peerId, producerId }: RemoteTrack): string | null {
  const [here, there] = [member.seat, member.seatOf(peerId)];
  return here === null || there === null || here === there ? null : `${producerId} ${here}`;
}

function sumOf(deltas: readonly StreamDelta[]): Pick<AgentReading, 'pairs' | 'layers' | 'piped'> {
  const pairs = new Map<string, Pair>();
  const layers: Record<string, number> = {};
  const piped: Record<string, number> = {};
  for (const { from, to, layer, spatial, pipe, now, packets, bytes, missing, freezes } of deltas) {
    const key = `${from}>${to}`;
    const isCamera = spatial !== null && packets > 0;
    const sum = pairs.get(key) ?? {
      from,
      to,
      streams: 0,
      packets: 0,
      bytes: 0,
      missing: 0,
      freezes: 0,
      cameras: 0,
      cameraLayers: 0,
      histogram: new Histogram(),
      jitters: new Histogram(),
    };
    pairs.set(key, {
      ...sum,
      streams: sum.streams + (packets > 0 ? 1 : 0),
      packets: sum.packets + packets,
      bytes: sum.bytes + bytes,
      missing: sum.missing + missing,
      freezes: sum.freezes + freezes,
      cameras: sum.cameras + (isCamera ? 1 : 0),
      cameraLayers: sum.cameraLayers + (isCamera ? spatial : 0),
    });
    sum.histogram.addBuckets(now.latency);
    if (packets > 0) sum.jitters.addBuckets([[bucketOf(now.jitter), 1]]);
    layers[layer] = (layers[layer] ?? 0) + bytes;
    // Once for all who receive it there.
    if (pipe !== null) piped[pipe] = Math.max(piped[pipe] ?? 0, packets);
  }
  return {
    pairs: [...pairs.values()].map(({ histogram, jitters, ...pair }) => ({
      ...pair,
      latency: histogram.buckets(),
      jitter: jitters.buckets(),
    })),
    layers,
    piped,
  };
}
