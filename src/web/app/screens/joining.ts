import type { Attempt } from '../../../client/connector.ts';
import { brand } from '../ui/brand.ts';
import { textButton } from '../ui/button.ts';
import { el, setText } from '../ui/dom.ts';
import { icon } from '../ui/icons.ts';
import { attemptLine } from './attempts.ts';

export interface JoiningView {
  readonly element: HTMLElement;
  /** What is being done now. */
  step(text: string): void;
  attempt(attempt: Attempt): void;
  /** Nothing more to do here: the host has to open. */
  waiting(): void;
}

/** The way in: each datacenter that was tried, and what it said. */
export function createJoining(room: string, onCancel: () => void): JoiningView {
  const title = el('h1', { testid: 'joining-title', attrs: { tabindex: -1, autofocus: true } }, 'Joining…');
  const step = el('p', { class: 'joining-step', testid: 'joining-step', attrs: { role: 'status' } });
  const spinner = el('span', { class: 'spinner', attrs: { 'aria-hidden': true } });
  const list = el('ol', { class: 'attempts', testid: 'attempts' });
  const cancel = textButton({ label: 'Cancel', testid: 'cancel', onClick: onCancel });
  let atTheDoor = false;
  return {
    element: el(
      'div',
      { class: 'screen', testid: 'joining' },
      el('header', { class: 'lobby-header' }, brand()),
      el(
        'main',
        { class: 'card' },
        title,
        el('p', { class: 'card-room' }, room),
        el('div', { class: 'joining-now' }, spinner, step),
        list,
        el('div', { class: 'card-actions' }, cancel),
      ),
    ),
    step(text) {
      if (!atTheDoor) setText(step, text);
    },
    attempt(attempt) {
      list.append(attemptLine(attempt));
    },
    waiting() {
      atTheDoor = true;
      setText(title, 'Waiting to be let in');
      setText(step, 'The host knows that you are here. You join as soon as they admit you.');
      spinner.replaceWith(icon('people'));
      setText(cancel, 'Leave');
    },
  };
}
