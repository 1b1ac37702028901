import { count, percent } from './format.ts';
import type { RunResult } from './result.ts';

/** What the run says of how much the cluster holds. */
export function saturationWords({ saturation, series }: RunResult): string {
  if (saturation !== null) {
    const { participants, packetsPerSecond, why, limitedBy, held } = saturation;
    const before =
      held.participants === 0
        ? ''
        : ` Held before that: ${held.participants} participants, ${count(held.packetsPerSecond)} packets/s.`;
    return `Saturated at ${participants} participants, ${count(packetsPerSecond)} packets/s (${why}), limited by ${limitedBy || 'what was not recorded'}.${before}`;
  }
  const measured = series.filter((point) => point.measured);
  const [first, ...others] = measured;
  if (first === undefined) return 'Not saturated: nothing was measured.';
  const most = others.reduce(
    (best, point) => (point.packetsPerSecond > best.packetsPerSecond ? point : best),
    first,
  );
  const [busiest] = Object.entries(most.processes).sort(([, a], [, b]) => b.cpu - a.cpu);
  const busy =
    busiest === undefined
      ? ''
      : `, when the busiest process, ${busiest[0]}, took ${percent(busiest[1].cpu)} of a core`;
  return `Not saturated with ${most.participants} participants and ${count(most.packetsPerSecond)} packets/s${busy}.`;
}
