import type { NewShape } from '../native/messages.ts';

/** Something that a participant publishes; more layers than one are simulcast, lowest first. */
export interface Medium {
  readonly kind: 'audio' | 'video';
  readonly codec: 'opus' | 'vp8';
  readonly layers: readonly NewShape[];
}

export interface PlannedParticipant {
  readonly publishes: readonly Medium[];
  /** Participants, by number, all of whose media it receives. */
  readonly subscribesTo: readonly number[];
}

/** Who sends what to whom: the same for every forwarder that is measured. */
export interface Plan {
  /** The shape's name and who it goes to: `chromium 1→20`. */
  readonly title: string;
  readonly shape: string;
  /** Subscribers of each publisher. */
  readonly fanOut: number;
  readonly participants: readonly PlannedParticipant[];
  /** Packets per second that are to be delivered, about. */
  readonly packetsPerSecond: number;
}

/** What a shape says of itself, before anybody is chosen to receive it. */
export interface ShapeChoice {
  readonly name: string;
  readonly media: readonly Medium[];
  /** Everyone sends to everyone: the fan-out is the number of participants less one. */
  readonly meeting?: boolean;
}

/** Delivered packets per second that a small fan-out is brought to by having several rooms. */
const ENOUGH_PACKETS = 12_000;
const MAX_PARTICIPANTS = 240;

/** Packets per second that one subscriber gets: of simulcast, the highest layer. */
export function packetsPerSubscriber(media: readonly Medium[]): number {
  return media.reduce((sum, { layers }) => sum + packetRate(layers.at(-1)), 0);
}

function packetRate(shape: NewShape | undefined): number {
  if (shape === undefined) return 0;
  const us = shape.frames.reduce((sum, [gap]) => sum + gap, 0);
  const packets = shape.frames.reduce((sum, [, sizes]) => sum + sizes.length, 0);
  return (packets * 1e6) / us;
}

/** Seconds after which everything that is sent has repeated, as far as shapes of one plan are in step. */
export function loopSeconds({ participants }: Plan): number {
  const shapes = participants.flatMap(({ publishes }) => publishes.flatMap(({ layers }) => layers));
  return Math.max(...shapes.map(({ frames }) => frames.reduce((sum, [gap]) => sum + gap, 0))) / 1e6;
}

/**
 * Rooms of one publisher and `fanOut` subscribers, as many as make a load that can be measured; or one meeting
 * of `fanOut + 1`.
 */
export function planFor(shape: ShapeChoice, fanOut: number): Plan {
  const perSubscriber = packetsPerSubscriber(shape.media);
  if (shape.meeting === true) {
    const size = fanOut + 1;
    const everyone = Array.from({ length: size }, (_, index) => index);
    return {
      title: `${shape.name} ${size}×${size}`,
      shape: shape.name,
      fanOut,
      packetsPerSecond: perSubscriber * size * fanOut,
      participants: everyone.map((self) => ({
        publishes: shape.media,
        subscribesTo: everyone.filter((other) => other !== self),
      })),
    };
  }
  const wanted = Math.ceil(ENOUGH_PACKETS / (perSubscriber * fanOut));
  const rooms = Math.max(1, Math.min(wanted, Math.floor(MAX_PARTICIPANTS / (fanOut + 1))));
  const participants = Array.from({ length: rooms }, (_, room) => room * (fanOut + 1)).flatMap(
    (publisher) => [
      { publishes: shape.media, subscribesTo: [] },
      ...Array.from({ length: fanOut }, () => ({ publishes: [], subscribesTo: [publisher] })),
    ],
  );
  return {
    title: `${shape.name} 1→${fanOut}`,
    shape: shape.name,
    fanOut,
    packetsPerSecond: perSubscriber * fanOut * rooms,
    participants,
  };
}

/** Subscribers of a plan: those whose memory the slope is over. */
export function subscribersOf(plan: Plan): number {
  return plan.participants.filter(({ subscribesTo }) => subscribesTo.length > 0).length;
}
