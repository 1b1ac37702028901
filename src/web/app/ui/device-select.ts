import { playTestSound } from '../devices/level-meter.ts';
import type { DeviceChoices, LocalMedia } from '../devices/local-media.ts';
import type { Settings } from '../settings.ts';
import { el } from './dom.ts';
import { icon } from './icons.ts';

export interface DevicePickers {
  readonly element: HTMLElement;
  close(): void;
}

type PickerKind = keyof DeviceChoices;

const LABELS: Record<PickerKind, string> = { microphone: 'Microphone', camera: 'Camera', speaker: 'Speaker' };
const ICONS = { microphone: 'mic', camera: 'camera', speaker: 'speaker' } as const;
const ORDER: readonly PickerKind[] = ['microphone', 'camera', 'speaker'];

/** Three selects for microphone, camera and speaker, kept up to date while devices come and go. */
export function devicePickers(
  media: LocalMedia,
  settings: Settings,
  onSpeaker: (deviceId: string) => void,
): DevicePickers {
  const selects = new Map<PickerKind, HTMLSelectElement>();
  const rows = ORDER.map((kind) => {
    const select = el('select', {
      testid: `select-${kind}`,
      attrs: { 'aria-label': LABELS[kind] },
      on: {
        change: () => {
          if (kind === 'speaker') {
            settings.set('speakerId', select.value);
            onSpeaker(select.value);
          } else void media.choose(kind, select.value);
        },
      },
    });
    selects.set(kind, select);
    const test = el(
      'button',
      {
        class: 'picker-test',
        testid: 'speaker-test',
        attrs: { type: 'button' },
        on: { click: () => void playTestSound(settings.get('speakerId')).catch(() => undefined) },
      },
      'Test',
    );
    return el(
      'label',
      { class: 'picker' },
      icon(ICONS[kind]),
      el('span', { class: 'visually-hidden' }, LABELS[kind]),
      select,
      kind === 'speaker' ? test : null,
    );
  });

  const fill = () => {
    for (const kind of ORDER) {
      const select = selects.get(kind);
      if (select === undefined) continue;
      fillSelect(select, media.devices[kind], currentOf(kind, media, settings), LABELS[kind]);
    }
  };
  fill();
  const offDevices = media.on('devices', fill);
  const offChanged = media.on('changed', fill);
  void media.refreshDevices();
  return {
    element: el('div', { class: 'pickers' }, ...rows),
    close() {
      offDevices();
      offChanged();
    },
  };
}

/** The device in use, else the one that was chosen. */
function currentOf(kind: PickerKind, media: LocalMedia, settings: Settings): string {
  if (kind === 'speaker') return settings.get('speakerId');
  const inUse = media[kind].track?.getSettings().deviceId;
  return inUse ?? settings.get(kind === 'camera' ? 'cameraId' : 'microphoneId');
}

function fillSelect(
  select: HTMLSelectElement,
  devices: readonly MediaDeviceInfo[],
  current: string,
  label: string,
): void {
  const options = devices.map((device, index) =>
    el('option', { attrs: { value: device.deviceId } }, device.label || `${label} ${index + 1}`),
  );
  if (options.length === 0)
    options.push(el('option', { attrs: { value: '' } }, `Default ${label.toLowerCase()}`));
  select.replaceChildren(...options);
  select.disabled = devices.length === 0;
  const known = devices.some((device) => device.deviceId === current);
  select.value = known ? current : (devices[0]?.deviceId ?? '');
}
