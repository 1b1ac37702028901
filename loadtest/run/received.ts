import type { MeantReading } from '../agent/messages.ts';
import type { ReceivedResult } from '../report/result.ts';

/** Who was there for less measured time, in s, says nothing of a bitrate. */
const LEAST_SECONDS = 10;

interface Sum extends Pick<MeantReading, 'to' | 'source'> {
  /** Times the streams that were meant for them. */
  streamSeconds: number;
  seconds: number;
  bytes: number;
}

/** Adds up what each participant gets of each source that is meant for them. */
export class Received {
  readonly #sums = new Map<string, Sum>();

  add(readings: readonly MeantReading[], seconds: number): void {
    for (const { n, to, source, streams, bytes } of readings) {
      const key = `${n} ${source}`;
      const sum = this.#sums.get(key) ?? { to, source, streamSeconds: 0, seconds: 0, bytes: 0 };
      this.#sums.set(key, sum);
      sum.streamSeconds += streams * seconds;
      sum.seconds += streams > 0 ? seconds : 0;
      sum.bytes += bytes;
    }
  }

  /** By home region and source, in order of their names. */
  results(): ReceivedResult[] {
    const groups = new Map<string, { to: string; source: MeantReading['source']; bitrates: number[] }>();
    for (const { to, source, streamSeconds, seconds, bytes } of this.#sums.values()) {
      if (seconds < LEAST_SECONDS) continue;
      const key = `${to} ${source}`;
      const group = groups.get(key) ?? { to, source, bitrates: [] };
      groups.set(key, group);
      group.bitrates.push((bytes * 8) / streamSeconds);
    }
    return [...groups]
      .toSorted(([a], [b]) => a.localeCompare(b))
      .map(([, { to, source, bitrates }]) => ({
        to,
        source,
        receivers: bitrates.length,
        least: Math.round(Math.min(...bitrates)),
        mean: Math.round(bitrates.reduce((sum, bitrate) => sum + bitrate, 0) / bitrates.length),
      }));
  }
}
