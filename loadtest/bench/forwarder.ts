import type { Generator } from '../native/generator.ts';
import type { SrtpProfile } from '../native/messages.ts';
import type { Place } from './place.ts';
import type { Plan } from './plan.ts';

/** What a forwarder is opened with. */
export interface Setting {
  readonly plan: Plan;
  readonly generator: Generator;
  readonly profile: SrtpProfile;
  /** Subscribers report arrivals, as browsers do, for the SFU to estimate their bandwidth (mediasoup alone does). */
  readonly bandwidthEstimation: boolean;
  readonly place: Place;
  /** Processor of the forwarder's processes. */
  readonly core: number;
}

/** A forwarder with everyone connected, subscribed, and nobody sending yet. */
export interface Session {
  /** Whose processor time and memory count. */
  readonly pids: readonly number[];
  /** Bytes of memory (PSS) that the first subscriber found, before any was there. */
  readonly memoryBefore: number;
  /** Begins sending. */
  start(): Promise<void>;
  /** Ends every process that it started. */
  close(): Promise<void>;
}

/** One of those compared. */
export interface Forwarder {
  readonly label: string;
  /** What it is, for the report: program, version, settings. */
  readonly about: string;
  /** It cannot be measured over loopback. */
  readonly needsNamespace?: boolean;
  open(setting: Setting): Promise<Session>;
}

/** Names within the generator, the same for every forwarder. */
export const names = {
  sender: (participant: number, medium: number, layer: number) => `s${participant}-${medium}-${layer}`,
  receiver: (participant: number, from: number, medium: number) => `r${participant}-${from}-${medium}`,
};

/** The number that a stream's stamps carry; also a valid SSRC. */
export function streamNumber(participant: number, medium: number, layer: number): number {
  return 0x10000 + participant * 64 + medium * 8 + layer;
}

/** Registers every shape of a plan. */
export async function addShapes(generator: Generator, plan: Plan): Promise<void> {
  const shapes = new Map(
    plan.participants.flatMap(({ publishes }) =>
      publishes.flatMap(({ layers }) => layers.map((shape) => [shape.shape, shape] as const)),
    ),
  );
  for (const shape of shapes.values()) await generator.addShape(shape);
}

/** Payload types and clocks that all forwarders use. */
export const CODECS = {
  opus: { mimeType: 'audio/opus', payloadType: 111, clockRate: 48_000 },
  vp8: { mimeType: 'video/VP8', payloadType: 96, clockRate: 90_000 },
} as const;

/**
 * Adds the senders of everyone who publishes, highest layer first: SFUs learn of the higher layers' clocks
 * before they choose one.
 * @param transportOf the name of the transport that a participant sends on
 */
export async function addSenders(
  generator: Generator,
  plan: Plan,
  transportOf: (participant: number) => string,
): Promise<void> {
  for (const [participant, { publishes }] of plan.participants.entries()) {
    for (const [index, medium] of publishes.entries()) {
      const phase = firstFrame(participant, medium.layers[0]?.frames[0]?.[0] ?? 0);
      for (const [layer, shape] of [...medium.layers.entries()].reverse()) {
        const stream = streamNumber(participant, index, layer);
        await generator.addSender({
          transport: transportOf(participant),
          sender: names.sender(participant, index, layer),
          shape: shape.shape,
          codec: medium.codec,
          ssrc: stream,
          stream,
          pt: CODECS[medium.codec].payloadType,
          clockRate: CODECS[medium.codec].clockRate,
          cname: `p${participant}`,
          phase,
        });
      }
    }
  }
}

/** Spreads the publishers' frames over time, the same way in each run. */
function firstFrame(participant: number, gap: number): number {
  return Math.round(((participant * 0.618034) % 1) * gap);
}
