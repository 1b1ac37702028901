import type { PageConfig } from '../../page-config.ts';
import type { LocalMedia } from '../devices/local-media.ts';
import { mediaAvailable } from '../devices/media-problem.ts';
import type { Settings } from '../settings.ts';
import { brand } from '../ui/brand.ts';
import { textButton } from '../ui/button.ts';
import { devicePickers } from '../ui/device-select.ts';
import { el } from '../ui/dom.ts';
import { icon } from '../ui/icons.ts';
import { shortcutSwitch } from '../ui/shortcut-switch.ts';
import { createPreview } from './preview.ts';
import { proposeRoom, roomFromInput } from './room-name.ts';

export interface JoinChoice {
  readonly name: string;
  readonly room: string;
  /** Development only: what the token will claim. */
  readonly host: boolean;
  readonly region: string;
}

export interface LobbyOptions {
  readonly config: PageConfig;
  readonly media: LocalMedia;
  readonly settings: Settings;
  /** Filled in; with `fixed` (a token names the room) it cannot be changed. */
  readonly room: { readonly value: string; readonly fixed: boolean };
  readonly name: string;
  readonly onJoin: (choice: JoinChoice) => void;
}

export interface View {
  readonly element: HTMLElement;
  close(): void;
}

/** Where everybody starts: who am I, which meeting, and how do I look and sound. */
export function createLobby(options: LobbyOptions): View {
  const { config, media, settings } = options;
  const preview = createPreview(media, settings);
  const pickers = devicePickers(media, settings, () => undefined);

  const name = el('input', {
    testid: 'name',
    attrs: {
      id: 'name',
      name: 'name',
      autocomplete: 'name',
      maxlength: 80,
      placeholder: 'How others will see you',
    },
    on: { input: () => preview.setName(name.value.trim()) },
  });
  name.value = options.name || settings.get('name');
  preview.setName(name.value.trim());
  const room = el('input', {
    testid: 'room',
    attrs: {
      id: 'room',
      name: 'room',
      autocomplete: 'off',
      autocapitalize: 'off',
      spellcheck: 'false',
      maxlength: 128,
      placeholder: 'For example stand-up',
      readonly: options.room.fixed,
      'aria-describedby': 'form-error',
    },
  });
  room.value = options.room.value;
  const fresh = textButton({
    label: 'New',
    testid: 'new-room',
    kind: 'quiet',
    icon: 'refresh',
    onClick: () => {
      room.value = proposeRoom();
      showError('');
    },
  });
  const error = el('p', {
    class: 'form-error',
    testid: 'form-error',
    attrs: { id: 'form-error', role: 'alert', hidden: true },
  });
  const showError = (text: string) => {
    error.textContent = text;
    error.hidden = text === '';
  };

  const region = el(
    'select',
    { testid: 'region', attrs: { id: 'region' } },
    ...config.regions.map((value) =>
      el('option', { attrs: { value, selected: value === config.region } }, value),
    ),
  );
  const host = el('input', { testid: 'host', attrs: { type: 'checkbox', id: 'host' } });
  const development = el(
    'fieldset',
    { class: 'development', testid: 'development' },
    el('legend', {}, 'Development'),
    el(
      'div',
      { class: 'row' },
      field('region', 'Your region', region),
      el('label', { class: 'check', attrs: { for: 'host' } }, host, el('span', {}, 'Join as host')),
    ),
    el('p', { class: 'hint' }, 'A real deployment puts both into the join token.'),
  );

  const submit = () => {
    // Neither devices nor the signature of the datacenter list can be had there.
    const unavailable = mediaAvailable();
    if (unavailable !== undefined) {
      showError(`${unavailable.title}. ${unavailable.advice}`);
      return;
    }
    const chosen = options.room.fixed
      ? { ok: true as const, room: options.room.value }
      : roomFromInput(room.value);
    if (!chosen.ok) {
      showError(chosen.advice);
      room.focus();
      return;
    }
    const who = name.value.trim();
    if (who === '') {
      showError('Tell the others your name.');
      name.focus();
      return;
    }
    showError('');
    settings.set('name', who);
    options.onJoin({ name: who, room: chosen.room, host: host.checked, region: region.value });
  };

  const form = el(
    'form',
    {
      class: 'lobby-form',
      testid: 'lobby-form',
      attrs: { novalidate: true },
      on: {
        submit: (event) => {
          event.preventDefault();
          submit();
        },
      },
    },
    el('h1', { testid: 'lobby-title', attrs: { tabindex: -1, autofocus: true } }, 'Ready to join?'),
    field('name', 'Your name', name),
    field('room', 'Meeting', el('div', { class: 'with-button' }, room, options.room.fixed ? null : fresh)),
    config.development ? development : null,
    error,
    textButton({ label: 'Join now', testid: 'join', kind: 'primary', icon: 'arrow', type: 'submit' }),
    el(
      'p',
      { class: 'promise' },
      icon('wave'),
      el('span', {}, 'Your media is processed only in datacenters that the policy admits for your region.'),
    ),
  );

  const onKey = (event: KeyboardEvent) => {
    if (event.target instanceof HTMLInputElement || event.target instanceof HTMLSelectElement) return;
    if (settings.get('shortcuts') === 'off' || event.ctrlKey || event.metaKey || event.altKey || event.repeat)
      return;
    const kind = event.key === 'm' ? 'microphone' : event.key === 'v' ? 'camera' : undefined;
    if (kind !== undefined) preview.toggle(kind);
  };
  document.addEventListener('keydown', onKey);

  return {
    element: el(
      'div',
      { class: 'lobby', testid: 'lobby' },
      el('header', { class: 'lobby-header' }, brand(), el('span', { class: 'cloud' }, config.cloud)),
      el(
        'main',
        { class: 'lobby-main', attrs: { 'aria-label': 'Join a meeting' } },
        preview.element,
        form,
        el(
          'div',
          { class: 'lobby-devices' },
          pickers.element,
          shortcutSwitch(settings, () => preview.update()),
        ),
      ),
    ),
    close() {
      document.removeEventListener('keydown', onKey);
      preview.close();
      pickers.close();
    },
  };
}

function field(id: string, label: string, control: HTMLElement): HTMLElement {
  return el('div', { class: 'field' }, el('label', { attrs: { for: id } }, label), control);
}
