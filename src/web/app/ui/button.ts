import { el, setAttribute } from './dom.ts';
import { type IconName, icon } from './icons.ts';

export interface IconButtonOptions {
  readonly icon: IconName;
  /** Accessible name, and tooltip where there is no other. */
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
    /** The tooltip, where it tells what a press does now while the name stays. */
    hint?: string;
    active?: boolean;
    pressed?: boolean;
    /** What it opens is open. */
    expanded?: boolean;
    disabled?: boolean;
    /** Said after the name, where it changes while the name stays. */
    description?: string;
    /** False where the person has switched shortcuts off. */
    shortcuts?: boolean;
  }): void;
  /** A small count in the corner; 0 takes it away. */
  badge(count: number): void;
}

export function iconButton(options: IconButtonOptions): IconButton {
  const element = el('button', {
    class: `icon-button ${options.class ?? ''}`.trim(),
    testid: options.testid,
    attrs: { type: 'button' },
    on: { click: options.onClick },
  });
  let shown: IconName | undefined;
  let { label, shortcut } = options;
  let hint: string | undefined;
  const count = el('span', { class: 'badge', attrs: { hidden: true, 'aria-hidden': true } });

  const button: IconButton = {
    element,
    update(state) {
      if (state.icon !== undefined && state.icon !== shown) {
        element.querySelector('svg')?.remove();
        element.prepend(icon(state.icon));
        shown = state.icon;
      }
      label = state.label ?? label;
      hint = state.hint ?? hint;
      if (state.shortcuts !== undefined) shortcut = state.shortcuts ? options.shortcut : undefined;
      const key = shortcut === undefined ? '' : ` (${shortcut.toUpperCase()})`;
      setAttribute(element, 'aria-label', label);
      setAttribute(element, 'data-tooltip', `${hint ?? label}${key}`);
      setAttribute(element, 'aria-keyshortcuts', shortcut);
      if (state.active !== undefined) element.classList.toggle('active', state.active);
      if (state.pressed !== undefined) setAttribute(element, 'aria-pressed', String(state.pressed));
      if (state.expanded !== undefined) setAttribute(element, 'aria-expanded', String(state.expanded));
      if (state.description !== undefined)
        setAttribute(element, 'aria-description', state.description || undefined);
      if (state.disabled !== undefined) element.disabled = state.disabled;
    },
    badge(value) {
      count.hidden = value === 0;
      count.textContent = value > 99 ? '99+' : String(value);
    },
  };
  element.append(count);
  button.update({ icon: options.icon });
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
