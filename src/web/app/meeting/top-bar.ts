import { brand } from '../ui/brand.ts';
import { el, setText } from '../ui/dom.ts';
import { icon } from '../ui/icons.ts';
import type { ServerBadge } from './server-badge.ts';

export interface TopBar {
  readonly element: HTMLElement;
  update(state: { room: string; locked: boolean; endsAt: number | null }): void;
  close(): void;
}

/** Room, time, and who serves this call. */
export function createTopBar(badge: ServerBadge, onCopyLink: () => void): TopBar {
  const heading = el('h1', { class: 'visually-hidden', attrs: { tabindex: -1, autofocus: true } });
  const room = el('span', { class: 'room-name', testid: 'room-name' });
  const lock = el(
    'span',
    { class: 'room-lock', testid: 'room-locked', attrs: { role: 'img', 'aria-label': 'Locked' } },
    icon('lock'),
  );
  const copy = el(
    'button',
    {
      class: 'room-link',
      testid: 'copy-link',
      attrs: { type: 'button', 'aria-label': 'Copy the link to this meeting' },
      on: { click: onCopyLink },
    },
    room,
    icon('link'),
  );
  const clock = el('span', { class: 'clock', testid: 'clock', attrs: { 'aria-label': 'Duration' } });
  const started = Date.now();
  let endsAt: number | null = null;
  const tick = () => {
    const left = endsAt === null ? null : endsAt - Date.now() / 1000;
    // The last five minutes count down.
    const ending = left !== null && left < 300;
    setText(clock, ending ? `ends in ${duration(left)}` : duration((Date.now() - started) / 1000));
    clock.classList.toggle('ending', ending);
  };
  const timer = window.setInterval(tick, 1000);
  tick();
  return {
    element: el(
      'header',
      { class: 'top-bar' },
      heading,
      el('div', { class: 'top-left' }, brand(), copy, lock, clock),
      badge.element,
    ),
    update(state) {
      setText(room, state.room);
      setText(heading, `Meeting ${state.room}`);
      lock.hidden = !state.locked;
      endsAt = state.endsAt;
    },
    close() {
      window.clearInterval(timer);
      badge.close();
    },
  };
}

/** `4:05`, `1:02:03`. */
function duration(seconds: number): string {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (value: number) => String(value).padStart(2, '0');
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor(whole / 60) % 60;
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}
