import type { LocalMedia } from '../devices/local-media.ts';
import { CODEC_CHOICES, type Settings } from '../settings.ts';
import { textButton } from '../ui/button.ts';
import { devicePickers } from '../ui/device-select.ts';
import { el } from '../ui/dom.ts';
import { icon } from '../ui/icons.ts';
import { shortcutSwitch } from '../ui/shortcut-switch.ts';
import { SHORTCUTS } from './shortcuts.ts';

/** Devices may be changed in the middle of a call; opens a modal dialog that removes itself when closed. */
export function openSettings(
  parent: HTMLElement,
  media: LocalMedia,
  settings: Settings,
  on: { readonly speaker: (deviceId: string) => void; readonly shortcuts: () => void },
): void {
  const pickers = devicePickers(media, settings, on.speaker);
  const dialog = el(
    'dialog',
    {
      class: 'dialog',
      testid: 'settings',
      attrs: { 'aria-label': 'Devices' },
      on: {
        close: () => {
          pickers.close();
          dialog.remove();
        },
        // A press on the backdrop, which counts as the dialog itself.
        click: (event) => {
          if (event.target === dialog) dialog.close();
        },
      },
    },
    el(
      'div',
      { class: 'dialog-body' },
      el('h2', {}, 'Devices'),
      pickers.element,
      el('label', { class: 'picker' }, icon('camera'), codecSelect(settings)),
      el('h2', { class: 'shortcuts-title' }, 'Keyboard'),
      shortcutSwitch(settings, on.shortcuts),
      el(
        'dl',
        { class: 'shortcuts' },
        ...SHORTCUTS.flatMap(({ key, label }) => [
          el('dt', {}, el('kbd', {}, key.toUpperCase())),
          el('dd', {}, label),
        ]),
      ),
      el(
        'div',
        { class: 'card-actions' },
        textButton({
          label: 'Done',
          testid: 'settings-done',
          kind: 'primary',
          onClick: () => dialog.close(),
        }),
      ),
    ),
  );
  parent.append(dialog);
  dialog.showModal();
}

/** Which codec the camera is sent with, from the next time it is switched on. */
function codecSelect(settings: Settings): HTMLSelectElement {
  const select = el(
    'select',
    {
      testid: 'select-codec',
      attrs: { 'aria-label': 'Video codec, from the next time the camera is switched on' },
      on: {
        change: () => {
          const choice = CODEC_CHOICES.find(({ value }) => value === select.value);
          if (choice !== undefined) settings.set('codec', choice.value);
        },
      },
    },
    ...CODEC_CHOICES.map(({ value, label }) => el('option', { attrs: { value } }, label)),
  );
  select.value = settings.get('codec');
  return select;
}
