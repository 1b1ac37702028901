/** Paths drawn for a 24 × 24 box, stroke 1.8, round caps. */
const PATHS = {
  mic: [
    'M12 3.5a3 3 0 0 1 3 3v5a3 3 0 0 1-6 0v-5a3 3 0 0 1 3-3z',
    'M5.5 11.5a6.5 6.5 0 0 0 13 0',
    'M12 18v3',
  ],
  micOff: [
    'M15 10.5v-4a3 3 0 0 0-5.8-1.1',
    'M9 9.5v2a3 3 0 0 0 4.6 2.5',
    'M5.5 11.5a6.5 6.5 0 0 0 10 5.5M18.5 11.5a6.5 6.5 0 0 1-.6 2.7',
    'M12 18v3',
    'M4 4l16 16',
  ],
  camera: [
    'M4.5 6.5h9a2 2 0 0 1 2 2v7a2 2 0 0 1-2 2h-9a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2z',
    'M15.5 11l6-3.5v9l-6-3.5',
  ],
  cameraOff: [
    'M9.5 6.5h4a2 2 0 0 1 2 2v4',
    'M15.5 11l6-3.5v9l-3-1.7',
    'M14.5 17.2a2 2 0 0 1-1 .3h-9a2 2 0 0 1-2-2v-7a2 2 0 0 1 2-2h.5',
    'M4 4l16 16',
  ],
  screen: [
    'M4 4.5h16a1.5 1.5 0 0 1 1.5 1.5v9.5a1.5 1.5 0 0 1-1.5 1.5H4a1.5 1.5 0 0 1-1.5-1.5V6A1.5 1.5 0 0 1 4 4.5z',
    'M12 13.7V8M9.3 10.5 12 7.8l2.7 2.7',
    'M8.5 20.5h7',
  ],
  chat: [
    'M5 4.5h14a2 2 0 0 1 2 2v8.5a2 2 0 0 1-2 2h-7.5L7 20.5V17H5a2 2 0 0 1-2-2V6.5a2 2 0 0 1 2-2z',
    'M7.5 9h9M7.5 12.5h6',
  ],
  people: [
    'M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z',
    'M2.5 19.5a6.5 6.5 0 0 1 13 0',
    'M16 4.9a3.5 3.5 0 0 1 0 6.2',
    'M18.3 14.4a6.5 6.5 0 0 1 3.2 5.1',
  ],
  leave: [
    'M3 14.5c0-1 .3-1.8 1-2.4 4.6-3.6 11.4-3.6 16 0 .7.6 1 1.4 1 2.4v1.2c0 .8-.8 1.4-1.6 1.2l-2.8-.7a1.3 1.3 0 0 1-1-1.2l-.1-1.8a11 11 0 0 0-7 0l-.1 1.8c0 .6-.4 1-1 1.2l-2.8.7c-.8.2-1.6-.4-1.6-1.2z',
  ],
  settings: [
    'M4 7h9M17 7h3M4 17h3M11 17h9',
    'M15 9.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4z',
    'M9 19.2a2.2 2.2 0 1 0 0-4.4 2.2 2.2 0 0 0 0 4.4z',
  ],
  speaker: ['M4 9.5v5h3.5l4.5 4v-13l-4.5 4z', 'M15.5 9a4.2 4.2 0 0 1 0 6', 'M18.2 6.5a8 8 0 0 1 0 11'],
  pin: ['M9 4h6l-1 6 3 3H7l3-3z', 'M12 13v7'],
  lock: [
    'M6.5 11h11a1.5 1.5 0 0 1 1.5 1.5v6a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 5 18.5v-6A1.5 1.5 0 0 1 6.5 11z',
    'M8 11V8a4 4 0 0 1 8 0v3',
  ],
  unlock: [
    'M6.5 11h11a1.5 1.5 0 0 1 1.5 1.5v6a1.5 1.5 0 0 1-1.5 1.5h-11A1.5 1.5 0 0 1 5 18.5v-6A1.5 1.5 0 0 1 6.5 11z',
    'M8 11V8a4 4 0 0 1 7.7-1.5',
  ],
  more: ['M12 6h.01M12 12h.01M12 18h.01'],
  close: ['M6 6l12 12M18 6 6 18'],
  check: ['M5 12.5l4.5 4.5L19 7.5'],
  alert: ['M12 4 2.8 19.5h18.4z', 'M12 10v4.5M12 17.2h.01'],
  info: ['M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z', 'M12 11v5.5M12 7.8h.01'],
  arrow: ['M5 12h13.5M13 6.5l5.5 5.5-5.5 5.5'],
  next: ['M9 5l7 7-7 7'],
  previous: ['M15 5l-7 7 7 7'],
  down: ['M6 9.5l6 6 6-6'],
  link: [
    'M10 14a4 4 0 0 0 5.7 0l3-3A4 4 0 0 0 13 5.3l-1 1',
    'M14 10a4 4 0 0 0-5.7 0l-3 3a4 4 0 0 0 5.7 5.7l1-1',
  ],
  send: ['M4 12l16-7.5-5 15.5-3.5-6z', 'M11.5 14 20 4.5'],
  remove: [
    'M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7z',
    'M2.5 19.5a6.5 6.5 0 0 1 13 0',
    'M17 9l4.5 4.5M21.5 9 17 13.5',
  ],
  end: ['M12 21a9 9 0 1 0 0-18 9 9 0 0 0 0 18z', 'M9 9h6v6H9z'],
  wave: ['M2 8c3.3-3 6.7-3 10 0s6.7 3 10 0', 'M2 15c3.3-3 6.7-3 10 0s6.7 3 10 0'],
  expand: ['M4 9.5V4h5.5M20 9.5V4h-5.5M4 14.5V20h5.5M20 14.5V20h-5.5'],
  refresh: ['M20 11a8 8 0 1 0-2 6.2', 'M20.5 5v6h-6'],
  keyboard: [
    'M4 6.5h16a1.5 1.5 0 0 1 1.5 1.5v8a1.5 1.5 0 0 1-1.5 1.5H4A1.5 1.5 0 0 1 2.5 16V8A1.5 1.5 0 0 1 4 6.5z',
    'M6.5 10h.01M10 10h.01M14 10h.01M17.5 10h.01M8 14h8',
  ],
} as const satisfies Record<string, readonly string[]>;

export type IconName = keyof typeof PATHS;

const SVG = 'http://www.w3.org/2000/svg';

/** An icon; decoration only, so whoever uses it gives the accessible name. */
export function icon(name: IconName, className = 'icon'): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', className);
  svg.setAttribute('aria-hidden', 'true');
  svg.setAttribute('focusable', 'false');
  for (const d of PATHS[name]) {
    const path = document.createElementNS(SVG, 'path');
    path.setAttribute('d', d);
    svg.append(path);
  }
  return svg;
}
