import { bits, count, milliseconds, percent } from './format.ts';
import type { Point, RunResult } from './result.ts';
import { html, type Markup, nothing } from './svg/markup.ts';
import { histogramChart, pairChart } from './svg/spread-charts.ts';
import { type Line, timeChart } from './svg/time-chart.ts';

/** Lines of one plot at most; the others are added up. */
const MOST_LINES = 8;

/** Everything that has a time, as plots. */
export function timeCharts(result: RunResult): Markup {
  const { series, events, thresholds, machine } = result;
  const times = series.map(({ at }) => at);
  const limit = (name: string): { limit?: number } => {
    const found = thresholds.find((threshold) => threshold.name === name);
    return found === undefined ? {} : { limit: found.limit };
  };
  const line = (name: string, read: (point: Point) => number | null): Line => ({
    name,
    values: series.map(read),
  });
  const base = { times, events };
  const cameras = parts(series, ({ cameraLayers }) => cameraLayers);
  return html`<div class="grid2">${[
    timeChart({
      ...base,
      title: 'Participants by datacenter',
      lines: parts(series, ({ seats }) => seats),
      format: count,
      stacked: true,
    }),
    timeChart({
      ...base,
      title: 'Packets delivered per second',
      lines: [line('packets', ({ packetsPerSecond }) => packetsPerSecond)],
      format: count,
    }),
    timeChart({
      ...base,
      title: 'Latency',
      lines: [line('p50', ({ latencyP50 }) => latencyP50), line('p99', ({ latencyP99 }) => latencyP99)],
      format: milliseconds,
      least: 1,
    }),
    timeChart({
      ...base,
      title: 'Packets that never came',
      lines: [line('loss', ({ loss }) => loss)],
      format: percent,
      least: 0.002,
      ...limit('loss'),
    }),
    timeChart({
      ...base,
      title: 'Bitrate received, by layer',
      lines: parts(series, ({ layers }) => layers).sort((a, b) => a.name.localeCompare(b.name)),
      format: bits,
      stacked: true,
    }),
    cameras.length === 0
      ? nothing
      : timeChart({
          ...base,
          title: 'Mean layer of cameras, by receivers’ region',
          lines: cameras,
          format: count,
          least: 2,
        }),
    timeChart({
      ...base,
      title: 'Freezes',
      lines: [line('freezes', ({ freezes }) => freezes)],
      format: count,
      least: 4,
    }),
    timeChart({
      ...base,
      title: 'CPU, share of one core',
      lines: parts(series, ({ processes }) => mapValues(processes, ({ cpu }) => cpu)),
      format: percent,
      least: 0.1,
    }),
    timeChart({
      ...base,
      title: 'Memory',
      // In MiB, so that the axis has round numbers.
      lines: parts(series, ({ processes }) => mapValues(processes, ({ memory }) => memory / 2 ** 20)),
      format: (mebibytes) => `${count(mebibytes)} MiB`,
    }),
    timeChart({
      ...base,
      title: 'Busy cores of the machine, other programs included',
      lines: [line('busy', ({ machine: busy }) => busy)],
      format: count,
      least: machine.cores,
      limit: machine.cores,
    }),
    timeChart({
      ...base,
      title: 'How late the generator was, p99',
      lines: [line('late', ({ lateness }) => lateness)],
      format: milliseconds,
      least: 1,
    }),
  ]}</div>`;
}

/** Everything that has a distribution. */
export function spreadCharts({ distributions, pairs }: RunResult): Markup {
  const named = (read: (pair: RunResult['pairs'][number]) => RunResult['pairs'][number]['latency']) =>
    pairs.map((pair) => ({ name: `${pair.from} → ${pair.to}`, distribution: read(pair) }));
  return html`<div class="grid2">${[
    histogramChart('Time to join', distributions.join),
    histogramChart('Time to the first decrypted packet', distributions.firstPacket),
    pairChart(
      'One-way latency, sender’s region → receiver’s',
      named(({ latency }) => latency),
    ),
    pairChart(
      'Jitter',
      named(({ jitter }) => jitter),
    ),
  ]}</div>`;
}

/** A line for each name, those with the highest values first; too many are added up as "others". */
function parts(series: readonly Point[], read: (point: Point) => Readonly<Record<string, number>>): Line[] {
  const peaks = new Map<string, number>();
  for (const point of series)
    for (const [name, value] of Object.entries(read(point)))
      peaks.set(name, Math.max(peaks.get(name) ?? 0, value));
  const names = [...peaks.keys()].sort((a, b) => (peaks.get(b) ?? 0) - (peaks.get(a) ?? 0));
  const shown = names.length > MOST_LINES ? names.slice(0, MOST_LINES - 1) : names;
  const rest = names.slice(shown.length);
  const lines = shown.map((name) => ({ name, values: series.map((point) => read(point)[name] ?? null) }));
  if (rest.length === 0) return lines;
  const sum = (point: Point): number => rest.reduce((all, name) => all + (read(point)[name] ?? 0), 0);
  return [...lines, { name: `${rest.length} others, together`, values: series.map(sum) }];
}

function mapValues<T>(
  record: Readonly<Record<string, T>>,
  map: (value: T) => number,
): Record<string, number> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, map(value)]));
}
