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
  /** Participants connect over TCP. */
  readonly tcp?: boolean;
  /** Processor of the forwarder's processes. */
  readonly core: number;
}

/** A forwarder with everyone connected and subscribed; the senders are there, and none of them sends. */
export interface Session {
  /** Whose processor time and memory count: all of its processes. */
  readonly pids: readonly number[];
  /** Bytes of memory that the first subscriber found, before any was there. */
  readonly memoryBefore: number;
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
  /** Its participants can connect over TCP too. */
  readonly speaksTcp?: boolean;
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

/** Everything that is sent under a plan, highest layer first: SFUs learn of the higher layers' clocks before they choose. */
function sendersOf(plan: Plan) {
  return plan.participants.flatMap(({ publishes }, participant) =>
    publishes.flatMap((medium, index) =>
      medium.layers
        .map((shape, layer) => ({ participant, index, layer, medium, shape }))
        .reverse()
        .map((sender) => ({ ...sender, name: names.sender(participant, index, sender.layer) })),
    ),
  );
}

/**
 * Adds the senders of everyone who publishes; none of them sends yet.
 * @param transportOf the name of the transport that a participant sends on
 */
export async function addSenders(
  generator: Generator,
  plan: Plan,
  transportOf: (participant: number) => string,
): Promise<void> {
  for (const { name, participant, index, layer, medium, shape } of sendersOf(plan)) {
    const stream = streamNumber(participant, index, layer);
    await generator.addSender({
      transport: transportOf(participant),
      sender: name,
      shape: shape.shape,
      codec: medium.codec,
      ssrc: stream,
      stream,
      pt: CODECS[medium.codec].payloadType,
      clockRate: CODECS[medium.codec].clockRate,
      cname: `p${participant}`,
      phase: scattered(participant) * (medium.layers[0]?.frames[0]?.[0] ?? 0),
      active: false,
    });
  }
}

/**
 * Everyone begins to send.
 * @param turn from 0 to 1: how far into its shape the first publisher begins. The others are spread over the loop,
 *   for rooms do not move in step.
 */
export async function startSenders(generator: Generator, plan: Plan, turn: number): Promise<void> {
  const changes = sendersOf(plan).map(({ name, participant, shape }) => ({
    sender: name,
    active: true,
    frame: Math.floor(((scattered(participant) + turn) % 1) * shape.frames.length),
  }));
  await Promise.all(changes.map((change) => generator.setSender(change)));
}

/** Nobody sends any more. */
export async function stopSenders(generator: Generator, plan: Plan): Promise<void> {
  await Promise.all(sendersOf(plan).map(({ name }) => generator.setSender({ sender: name, active: false })));
}

/** Where a publisher stands between 0 and 1, far from the others and the same in each run. */
function scattered(participant: number): number {
  return (participant * 0.618034) % 1;
}
