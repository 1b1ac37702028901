import type { Point, ProcessResult, RunResult } from '../report/result.ts';
import type { SaturationLimits } from '../scenario/schema.ts';

/** Fewer packets than this in an interval say nothing of a share of a thousandth. */
const PACKETS = 2000;
/** Share of one core, or of all of them, from which on a process, or the machine, is what limits. */
const FULL = 0.85;

export interface Surroundings {
  readonly limits: SaturationLimits;
  readonly kinds: ReadonlyMap<string, ProcessResult['kind']>;
  /** Of the machine. */
  readonly cores: number;
}

/** Where quality first gave way for two measured intervals in a row, and what was full then; null where it did not. */
export function saturationOf(series: readonly Point[], around: Surroundings): RunResult['saturation'] {
  let held = { participants: 0, packetsPerSecond: 0 };
  let earlier: Point | null = null;
  for (const point of series) {
    if (!point.measured) continue;
    const why = strainOf(point, around.limits);
    const { at, participants, packetsPerSecond } = point;
    if (why !== null && earlier !== null)
      return { at, participants, packetsPerSecond, why, limitedBy: limitOf([earlier, point], around), held };
    earlier = why === null ? null : point;
    if (why === null && packetsPerSecond >= held.packetsPerSecond) held = { participants, packetsPerSecond };
  }
  return null;
}

function strainOf(point: Point, limits: SaturationLimits): string | null {
  const { loss, latencyP99, packetsPerSecond, seconds } = point;
  if (loss > limits.loss && packetsPerSecond * seconds >= PACKETS)
    return `${(loss * 100).toFixed(2)} % of the packets lost`;
  if (latencyP99 !== null && latencyP99 > limits.latencyP99) return `latency p99 ${latencyP99.toFixed(0)} ms`;
  return null;
}

/** What was full: a process, or the machine. */
function limitOf(points: readonly Point[], { kinds, cores }: Surroundings): string {
  const mean = (read: (point: Point) => number): number =>
    points.reduce((sum, point) => sum + read(point), 0) / points.length;
  const names = [...new Set(points.flatMap(({ processes }) => Object.keys(processes)))];
  const used = names
    .map((name) => ({ name, kind: kinds.get(name), cpu: mean(({ processes }) => processes[name]?.cpu ?? 0) }))
    .sort((a, b) => b.cpu - a.cpu);
  const full = used.filter(({ cpu }) => cpu >= FULL);
  const words = ({ name, cpu }: { name: string; cpu: number }): string =>
    `${name} at ${Math.round(cpu * 100)} % of a core`;
  const generator = full.find(({ kind }) => kind === 'generator');
  if (generator !== undefined) return `the generator itself, ${words(generator)}: the cluster may hold more`;
  const [fullest] = full;
  if (fullest !== undefined) return words(fullest);
  const ours = used.reduce((sum, { cpu }) => sum + cpu, 0);
  const busy = Math.max(
    ours,
    mean(({ machine }) => machine ?? 0),
  );
  if (busy < FULL * cores) return 'nothing that was seen to be full';
  const of = (...wanted: (ProcessResult['kind'] | undefined)[]): string =>
    used.reduce((sum, { kind, cpu }) => (wanted.includes(kind) ? sum + cpu : sum), 0).toFixed(2);
  return `the machine, whose ${cores} cores were busy: nodes and workers ${of('node', 'worker')}, the generator ${of('generator')}, other programs ${Math.max(0, busy - ours).toFixed(2)}`;
}
