import { el, setAttribute } from './dom.ts';
import { type IconName, icon } from './icons.ts';

export interface IconButtonOptions {
  readonly icon: IconName;
  /** Accessible name and tooltip. */
  readonly label: string;
  readonly testid: string;
  readonly class?: string;
  /** Shown in the tooltip, and announced as `aria-keyshortcuts`. */
  readonly shortcut?: string;
  readonly onClick: (event: MouseEvent) => void;
}

/** A round button with an icon, whose icon, name and state can change. */
export interface IconButton {
  readonly element: HTMLButtonElement;
  update(state: {
    icon?: IconName;
    label?: string;
    active?: boolean;
    pressed?: boolean;
    disabled?: boolean;
  }): void;
  /** A small count in the corner; 0 takes it away. */
  badge(count: number): void;
}

export function iconButton(options: IconButtonOptions): IconButton {
  const element = el('button', {
    class: `icon-button ${options.class ?? ''}`.trim(),
    testid: options.testid,
    attrs: { type: 'button', 'aria-keyshortcuts': options.shortcut },
    on: { click: options.onClick },
  });
  let shown: IconName | undefined;
  const count = el('span', { class: 'badge', attrs: { hidden: true, 'aria-hidden': true } });

  const button: IconButton = {
    element,
    update(state) {
      if (state.icon !== undefined && state.icon !== shown) {
        element.querySelector('svg')?.remove();
        element.prepend(icon(state.icon));
        shown = state.icon;
      }
      if (state.label !== undefined) {
        setAttribute(element, 'aria-label', state.label);
        const key = options.shortcut === undefined ? '' : ` (${options.shortcut.toUpperCase()})`;
        setAttribute(element, 'data-tooltip', `${state.label}${key}`);
      }
      if (state.active !== undefined) element.classList.toggle('active', state.active);
      if (state.pressed !== undefined) setAttribute(element, 'aria-pressed', String(state.pressed));
      if (state.disabled !== undefined) element.disabled = state.disabled;
    },
    badge(value) {
      count.hidden = value === 0;
      count.textContent = value > 99 ? '99+' : String(value);
    },
  };
  element.append(count);
  button.update({ icon: options.icon, label: options.label });
  return button;
}

export interface TextButtonOptions {
  readonly label: string;
  readonly testid: string;
  readonly kind?: 'primary' | 'secondary' | 'danger' | 'quiet';
  readonly icon?: IconName;
  readonly type?: 'button' | 'submit';
  readonly onClick?: () => void;
}

export function textButton(options: TextButtonOptions): HTMLButtonElement {
  return el(
    'button',
    {
      class: `button ${options.kind ?? 'secondary'}`,
      testid: options.testid,
      attrs: { type: options.type ?? 'button' },
      on: { click: () => options.onClick?.() },
    },
    options.icon === undefined ? null : icon(options.icon),
    el('span', {}, options.label),
  );
}
