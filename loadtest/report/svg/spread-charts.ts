import { lowestOf } from '../../measure/histogram.ts';
import { milliseconds } from '../format.ts';
import type { Distribution } from '../result.ts';
import { html, type Markup, nothing } from './markup.ts';
import { linear, logarithmic } from './scale.ts';

const WIDTH = 540;
const HEIGHT = 180;
const LEFT = 62;
const RIGHT = 12;
const TOP = 18;
const BOTTOM = 24;
const BARS = 44;

/** How often each duration came, with p50 and p95 marked. */
export function histogramChart(title: string, distribution: Distribution): Markup {
  const { buckets, count, p50, p95 } = distribution;
  if (count === 0)
    return html`<figure><figcaption>${title}</figcaption><p class="empty">Nothing was measured.</p></figure>`;
  const most = (distribution.max ?? 1) * 1.05;
  const x = linear(most, LEFT, WIDTH - RIGHT, 6);
  const bars = Array.from({ length: BARS }, () => 0);
  for (const [bucket, times] of buckets) {
    const middle = (lowestOf(bucket) + lowestOf(bucket + 1)) / 2000;
    const bar = Math.min(BARS - 1, Math.floor((middle / x.top) * BARS));
    bars[bar] = (bars[bar] ?? 0) + times;
  }
  const highest = Math.max(...bars);
  const y = linear(highest, HEIGHT - BOTTOM, TOP, Math.min(3, highest));
  const step = (WIDTH - LEFT - RIGHT) / BARS;
  const drawn = bars.map((value, index) =>
    value === 0
      ? nothing
      : html`<rect class="f0 bar" x="${LEFT + index * step + 0.5}" y="${y(value)}" width="${step - 1}" height="${HEIGHT - BOTTOM - y(value)}"/>`,
  );
  const axis = x.ticks.map(
    (tick) => html`<text class="tick middle" x="${x(tick)}" y="${HEIGHT - 6}">${milliseconds(tick)}</text>`,
  );
  const grid = y.ticks.map(
    (tick) =>
      html`<line class="grid" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y(tick)}" y2="${y(tick)}"/><text class="tick end" x="${LEFT - 8}" y="${y(tick) + 4}">${Math.round(tick)}</text>`,
  );
  // Words at the right edge stand before their line, towards those of the other.
  const isAtEdge = (value: number): boolean => x(value) > WIDTH - 120;
  const near = p50 !== null && p95 !== null && x(p95) - x(p50) < (isAtEdge(p95) ? 180 : 90);
  const mark = (value: number | null, name: string, row: number): Markup =>
    value === null
      ? nothing
      : html`<line class="mark" x1="${x(value)}" x2="${x(value)}" y1="${TOP - 4}" y2="${HEIGHT - BOTTOM}"/><text class="phase ${isAtEdge(value) ? 'end' : ''}" x="${x(value) + (isAtEdge(value) ? -4 : 4)}" y="${TOP + 4 + row * 14}">${name} ${milliseconds(value)}</text>`;
  return html`<figure><figcaption>${title} <small>${count} measured</small></figcaption><svg viewBox="0 0 ${WIDTH} ${HEIGHT}" role="img" aria-label="${title}">${grid}${axis}${drawn}${mark(p50, 'p50', 0)}${mark(p95, 'p95', near ? 1 : 0)}</svg></figure>`;
}

const ROW = 30;

/** One row for each pair of regions: from p50 to p90 a bar, to p99 a whisker, over a logarithmic axis. */
export function pairChart(
  title: string,
  pairs: readonly { readonly name: string; readonly distribution: Distribution }[],
): Markup {
  const shown = pairs.filter(({ distribution }) => distribution.count > 0);
  if (shown.length === 0)
    return html`<figure><figcaption>${title}</figcaption><p class="empty">Nothing was measured.</p></figure>`;
  const height = TOP + shown.length * ROW + BOTTOM;
  const low = Math.max(0.01, Math.min(...shown.map(({ distribution }) => distribution.p50 ?? 1)));
  const high = Math.max(low * 10, ...shown.map(({ distribution }) => distribution.max ?? 1));
  const left = 92;
  const x = logarithmic(low, high, left, WIDTH - RIGHT - 8);
  const axis = x.ticks.map(
    (tick) =>
      html`<line class="grid" x1="${x(tick)}" x2="${x(tick)}" y1="${TOP - 6}" y2="${height - BOTTOM + 2}"/><text class="tick middle" x="${x(tick)}" y="${height - 6}">${milliseconds(tick)}</text>`,
  );
  const rows = shown.map(({ name, distribution }, index) => {
    const { p50, p90, p99, max } = distribution;
    const middle = TOP + index * ROW + ROW / 2;
    const at = (value: number | null): number => x(value ?? low);
    return html`<g><title>${name}: p50 ${milliseconds(p50)}, p90 ${milliseconds(p90)}, p99 ${milliseconds(p99)}, most ${milliseconds(max)}</title><text class="tick end" x="${left - 10}" y="${middle + 4}">${name}</text><line class="whisker" x1="${at(p50)}" x2="${at(p99)}" y1="${middle}" y2="${middle}"/><line class="whisker" x1="${at(p99)}" x2="${at(p99)}" y1="${middle - 5}" y2="${middle + 5}"/><rect class="f0 bar" x="${at(p50)}" y="${middle - 6}" width="${Math.max(2, at(p90) - at(p50))}" height="12" rx="2"/><circle class="dot" cx="${at(p50)}" cy="${middle}" r="4.5"/><circle class="most" cx="${at(max)}" cy="${middle}" r="2"/></g>`;
  });
  return html`<figure><figcaption>${title} <small>p50 ●, to p90 ▬, to p99 ⊢, most ·</small></figcaption><svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="${title}">${axis}${rows}</svg></figure>`;
}
