import { seconds } from '../format.ts';
import type { RunEvent } from '../result.ts';
import { html, join, type Markup, nothing } from './markup.ts';
import { linear } from './scale.ts';

export interface Line {
  readonly name: string;
  /** One value for each time; null where there is none. */
  readonly values: readonly (number | null)[];
}

export interface TimeChart {
  readonly title: string;
  readonly times: readonly number[];
  readonly lines: readonly Line[];
  readonly format: (value: number) => string;
  readonly events: readonly RunEvent[];
  /** Areas on top of each other, for parts of a whole. */
  readonly stacked?: boolean;
  /** A limit to show. */
  readonly limit?: number;
  /** Least top of the axis, so that noise around 0 does not fill the plot. */
  readonly least?: number;
}

const WIDTH = 540;
const HEIGHT = 210;
const LEFT = 62;
const RIGHT = 12;
const TOP = 12;
const BOTTOM = 24;

/** A plot over the time of a run, with its phases in the background and its faults as marks. */
export function timeChart(chart: TimeChart): Markup {
  const { title, times, lines, format, events, stacked = false, limit, least = 0 } = chart;
  const end = Math.max(1, times.at(-1) ?? 1);
  const layers = stacked ? stack(lines) : lines.map((line) => ({ ...line, floor: null }));
  const peak = Math.max(0, ...layers.flatMap(({ values }) => values.map((value) => value ?? 0)));
  const y = linear(Math.max(peak, least, limit === undefined ? 0 : limit * 1.1), HEIGHT - BOTTOM, TOP);
  const x = (time: number): number => LEFT + (Math.min(time, end) / end) * (WIDTH - LEFT - RIGHT);
  const grid = y.ticks.map(
    (tick) =>
      html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(tick)}" y2="${y(tick)}"/><text class="tick end" x="${LEFT - 8}" y="${y(tick) + 4}">${format(tick)}</text>`,
  );
  const hours = linear(end, 0, 1, 6).ticks.filter((tick) => tick <= end);
  const axis = hours.map(
    (tick) => html`<text class="tick middle" x="${x(tick)}" y="${HEIGHT - 6}">${seconds(tick)}</text>`,
  );
  const drawn = layers.map(({ name, values, floor }, index) => {
    const area = floor === null ? nothing : areaOf(times, values, floor, x, y, index);
    const path = pathOf(times, values, x, y);
    return html`${area}<path class="line s${index % 8}" d="${path}"><title>${name}</title></path>`;
  });
  const border =
    limit === undefined
      ? nothing
      : html`<line class="limit" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(limit)}" y2="${y(limit)}"><title>threshold ${format(limit)}</title></line>`;
  return html`<figure><figcaption>${title}${legend(lines)}</figcaption><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title} over time">${background(events, x, end)}${grid}${axis}${drawn}${border}${marks(events, x)}</svg></figure>`;
}

function legend(lines: readonly Line[]): Markup {
  if (lines.length < 2) return nothing;
  const entries = lines.map(({ name }, index) => html`<span class="key k${index % 8}">${name}</span>`);
  return html`<span class="legend">${entries}</span>`;
}

/** Every other phase a little darker, and named. */
function background(events: readonly RunEvent[], x: (time: number) => number, end: number): Markup {
  const phases = events.filter(({ kind, at }) => kind === 'phase' && at < end);
  return join(
    phases.map(({ at, until, text }, index) => {
      const to = Math.min(until ?? end, end);
      const width = x(to) - x(at);
      const name =
        width > text.length * 6.2
          ? html`<text class="phase" x="${x(at) + 4}" y="${TOP + 10}">${text}</text>`
          : nothing;
      const shade =
        index % 2 === 1
          ? html`<rect class="shade" x="${x(at)}" y="${TOP}" width="${width}" height="${HEIGHT - TOP - BOTTOM}"/>`
          : nothing;
      return html`${shade}${name}`;
    }),
  );
}

function marks(events: readonly RunEvent[], x: (time: number) => number): Markup {
  const shown = events.filter(({ kind }) => kind === 'fault' || kind === 'death' || kind === 'isolation');
  return join(
    shown.map(
      ({ at, text }) =>
        html`<line class="mark" x1="${x(at)}" x2="${x(at)}" y1="${TOP}" y2="${HEIGHT - BOTTOM}"><title>${text}</title></line><circle class="mark" cx="${x(at)}" cy="${TOP}" r="3"><title>${text}</title></circle>`,
    ),
  );
}

function stack(lines: readonly Line[]): { name: string; values: number[]; floor: number[] }[] {
  let floor = (lines[0]?.values ?? []).map(() => 0);
  return lines.map(({ name, values }) => {
    const below = floor;
    const above = values.map((value, index) => (below[index] ?? 0) + (value ?? 0));
    floor = above;
    return { name, values: above, floor: below };
  });
}

type Map1 = (value: number) => number;

function pathOf(times: readonly number[], values: readonly (number | null)[], x: Map1, y: Map1): string {
  let path = '';
  let pen = 'M';
  values.forEach((value, index) => {
    if (value === null) {
      pen = 'M';
      return;
    }
    path += `${pen}${x(times[index] ?? 0).toFixed(1)} ${y(value).toFixed(1)}`;
    pen = 'L';
  });
  return path;
}

function areaOf(
  times: readonly number[],
  above: readonly (number | null)[],
  below: readonly number[],
  x: Map1,
  y: Map1,
  index: number,
): Markup {
  const top = pathOf(times, above, x, y);
  const back = below
    .map((value, at) => `L${x(times[at] ?? 0).toFixed(1)} ${y(value).toFixed(1)}`)
    .reverse()
    .join('');
  return html`<path class="area f${index % 8}" d="${top}${back}Z"/>`;
}
