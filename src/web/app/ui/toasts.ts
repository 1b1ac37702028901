import { el } from './dom.ts';
import { type IconName, icon } from './icons.ts';

export interface ToastOptions {
  readonly icon?: IconName;
  readonly kind?: 'info' | 'good' | 'warning' | 'danger';
  /** Milliseconds; 0 keeps it until it is closed by `dismiss`. */
  readonly duration?: number;
  /** A toast with the same key replaces the one that is shown. */
  readonly key?: string;
  readonly action?: { readonly label: string; readonly run: () => void };
}

/** Short messages at the lower edge, read out politely; at most a few at a time. */
export class Toasts {
  readonly element = el('div', {
    class: 'toasts',
    testid: 'toasts',
    attrs: { role: 'status', 'aria-live': 'polite' },
  });
  readonly #shown = new Map<string, { element: HTMLElement; timer: number | undefined }>();
  #next = 0;

  show(text: string, options: ToastOptions = {}): () => void {
    const key = options.key ?? `toast-${this.#next++}`;
    this.#drop(key);
    for (const oldest of this.#shown.keys()) {
      if (this.#shown.size < 4) break;
      this.#drop(oldest);
    }
    const dismiss = () => this.#drop(key, element);
    const { action } = options;
    const element = el(
      'div',
      { class: `toast ${options.kind ?? 'info'}`, testid: 'toast' },
      options.icon === undefined ? null : icon(options.icon),
      el('span', {}, text),
      action === undefined
        ? null
        : el(
            'button',
            {
              class: 'toast-action',
              attrs: { type: 'button' },
              on: {
                click: () => {
                  dismiss();
                  action.run();
                },
              },
            },
            action.label,
          ),
    );
    const duration = options.duration ?? 4500;
    const timer = duration === 0 ? undefined : window.setTimeout(dismiss, duration);
    this.#shown.set(key, { element, timer });
    this.element.append(element);
    return dismiss;
  }

  /** Takes away what no longer holds; nothing where it is not shown. */
  dismiss(key: string): void {
    this.#drop(key);
  }

  clear(): void {
    for (const key of [...this.#shown.keys()]) this.#drop(key);
  }

  #drop(key: string, only?: HTMLElement): void {
    const shown = this.#shown.get(key);
    if (shown === undefined || (only !== undefined && shown.element !== only)) return;
    this.#shown.delete(key);
    window.clearTimeout(shown.timer);
    shown.element.remove();
  }
}
