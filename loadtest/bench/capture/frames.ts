import type { ShapeFrame } from '../../native/messages.ts';
import type { Passed } from './relay.ts';

/** The generator's payload sizes are within these. */
const [LEAST, MOST] = [32, 1400];

interface Frame {
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
  for (const { timestamp, size } of stream) {
    const kept = Math.min(MOST, Math.max(LEAST, size));
    const last = frames.at(-1);
    if (last?.timestamp === timestamp) last.sizes.push(kept);
    else frames.push({ timestamp, sizes: [kept] });
  }
  return frames.slice(1, -1);
}

/**
 * Microseconds from each frame to the next one, by their RTP timestamps (when they were taken, whatever the machine
 * that captured was busy with), and the sizes.
 */
export function shapeOf(stream: readonly Passed[], clockRate: number): ShapeFrame[] {
  const frames = framesOf(stream);
  return frames.flatMap((frame, index): ShapeFrame[] => {
    const next = frames[index + 1];
    if (next === undefined) return [];
    const ticks = (next.timestamp - frame.timestamp) >>> 0;
    return [[Math.round((ticks * 1e6) / clockRate), frame.sizes]];
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
