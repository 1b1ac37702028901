import type { ShapeFrame } from '../../native/messages.ts';
import type { Passed } from './relay.ts';

/** The generator's payload sizes are within these. */
const [LEAST, MOST] = [32, 1400];

interface Frame {
  readonly at: number;
  readonly timestamp: number;
  readonly sizes: number[];
}

/** The streams of a capture that are video or audio and not retransmissions, by rising number of bytes. */
export function streamsIn(packets: readonly Passed[], count: number): Passed[][] {
  const bySsrc = new Map<number, Passed[]>();
  for (const packet of packets) {
    const stream = bySsrc.get(packet.ssrc);
    if (stream === undefined) bySsrc.set(packet.ssrc, [packet]);
    else stream.push(packet);
  }
  const bytes = (stream: readonly Passed[]): number => stream.reduce((sum, { size }) => sum + size, 0);
  return [...bySsrc.values()]
    .sort((a, b) => bytes(b) - bytes(a))
    .slice(0, count)
    .reverse();
}

/** Packets of one RTP timestamp are a frame. The first and the last may be cut and are left out. */
function framesOf(stream: readonly Passed[]): Frame[] {
  const frames: Frame[] = [];
  for (const { at, timestamp, size } of stream) {
    const kept = Math.min(MOST, Math.max(LEAST, size));
    const last = frames.at(-1);
    if (last?.timestamp === timestamp) last.sizes.push(kept);
    else frames.push({ at, timestamp, sizes: [kept] });
  }
  return frames.slice(1, -1);
}

/** Microseconds from each frame's first packet to the next one's, and the sizes. */
export function shapeOf(stream: readonly Passed[]): ShapeFrame[] {
  const frames = framesOf(stream);
  return frames.flatMap((frame, index): ShapeFrame[] => {
    const next = frames[index + 1];
    return next === undefined ? [] : [[Math.round((next.at - frame.at) * 1000), frame.sizes]];
  });
}

/** The sizes of the largest frame: after a request, the key frame. */
export function largestFrame(stream: readonly Passed[]): number[] {
  const bytes = ({ sizes }: Frame): number => sizes.reduce((sum, size) => sum + size, 0);
  return framesOf(stream).reduce<number[]>(
    (largest, frame) => (bytes(frame) > largest.reduce((a, b) => a + b, 0) ? frame.sizes : largest),
    [],
  );
}
