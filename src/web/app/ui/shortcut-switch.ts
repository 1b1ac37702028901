import type { Settings } from '../settings.ts';
import { el } from './dom.ts';

/** Switches the single keys off, which speech input and a hand that trembles press without meaning to (WCAG 2.1.4). */
export function shortcutSwitch(settings: Settings, onChange: () => void): HTMLElement {
  const box = el('input', {
    testid: 'shortcuts',
    attrs: { type: 'checkbox' },
    on: {
      change: () => {
        settings.set('shortcuts', box.checked ? 'on' : 'off');
        onChange();
      },
    },
  });
  box.checked = settings.get('shortcuts') === 'on';
  return el('label', { class: 'check' }, box, el('span', {}, 'Single keys as shortcuts'));
}
