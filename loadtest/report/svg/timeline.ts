import { seconds } from '../format.ts';
import type { RunEvent } from '../result.ts';
import { html, type Markup } from './markup.ts';
import { linear } from './scale.ts';

const WIDTH = 1110;
const LEFT = 12;
const LANE = 26;

/** Phases above, and below them what went wrong and what became of it, each with its words beside its mark. */
export function timeline(events: readonly RunEvent[], end: number): Markup {
  const scale = linear(end, 0, 1, 10);
  const x = (time: number): number => LEFT + (Math.min(time, end) / Math.max(1, end)) * (WIDTH - 2 * LEFT);
  const phases = events.filter(({ kind }) => kind === 'phase');
  const others = events.filter(({ kind }) => kind !== 'phase');
  const height = 34 + others.length * LANE + 26;
  const bands = phases.map(({ at, until, text }, index) => {
    const width = Math.max(1, x(until ?? end) - x(at));
    const name = width > text.length * 6.5 ? text : '';
    return html`<rect class="band ${index % 2 === 0 ? 'even' : 'odd'}" x="${x(at)}" y="4" width="${width - 1}" height="20" rx="3"><title>${text}</title></rect><text class="phase" x="${x(at) + 6}" y="18">${name}</text>`;
  });
  const marks = others.map(({ at, kind, text, until }, index) => {
    const y = 34 + index * LANE + 12;
    const right = x(at) > WIDTH * 0.6;
    const span = until === null ? 0 : Math.max(0, x(until) - x(at));
    const words = html`<text class="word ${right ? 'end' : ''}" x="${right ? x(at) - 10 : x(at) + span + 12}" y="${y + 4}">${seconds(at)}  ${text}</text>`;
    return html`<line class="drop ${kind}" x1="${x(at)}" x2="${x(at)}" y1="26" y2="${y}"/><rect class="span ${kind}" x="${x(at)}" y="${y - 3}" width="${span}" height="6" rx="3"/><circle class="event ${kind}" cx="${x(at)}" cy="${y}" r="5.5"/>${words}`;
  });
  const axis = scale.ticks
    .filter((tick) => tick <= end)
    .map(
      (tick) =>
        html`<text class="tick middle" x="${x(tick) + (tick === 0 ? 6 : 0)}" y="${height - 6}">${seconds(tick)}</text>`,
    );
  return html`<figure class="wide"><figcaption>Timeline</figcaption><svg viewBox="0 0 ${WIDTH} ${height}" role="img" aria-label="what happened when">${bands}${marks}${axis}</svg></figure>`;
}
