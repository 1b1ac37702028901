import { el } from './dom.ts';

const SVG = 'http://www.w3.org/2000/svg';

/** The mark and the name. */
export function brand(): HTMLElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 32 32');
  svg.setAttribute('class', 'mark');
  svg.setAttribute('aria-hidden', 'true');
  const draw = (d: string, className: string) => {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', d);
    path.setAttribute('class', className);
    svg.append(path);
  };
  draw('M3 20 11 8l5 6.5L21 8l8 12', 'ridge');
  draw('M6 25.5c1.7-1.7 3.3-1.7 5 0s3.3 1.7 5 0 3.3-1.7 5 0 3.3 1.7 5 0', 'water');
  return el('div', { class: 'brand' }, svg, el('span', {}, 'Watershed'));
}
