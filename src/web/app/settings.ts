import type { VideoCodec } from '../../client/encodings.ts';

/** What the page remembers of this person in this browser. Nothing secret; '' stands for the default. */
export interface SettingValues {
  name: string;
  cameraId: string;
  microphoneId: string;
  speakerId: string;
  camera: 'on' | 'off';
  microphone: 'on' | 'off';
  /** Whether single keys do something (WCAG 2.1.4). */
  shortcuts: 'on' | 'off';
  /** Preferred for a camera that is started from now on. */
  codec: VideoCodec | 'auto';
}

const DEFAULTS: SettingValues = {
  name: '',
  cameraId: '',
  microphoneId: '',
  speakerId: '',
  camera: 'on',
  microphone: 'on',
  shortcuts: 'on',
  codec: 'auto',
};

/** In the order in which they are offered. */
export const CODEC_CHOICES: readonly { readonly value: SettingValues['codec']; readonly label: string }[] = [
  { value: 'auto', label: 'Video codec: automatic' },
  { value: 'vp8', label: 'VP8' },
  { value: 'vp9', label: 'VP9 (scalable)' },
  { value: 'h264', label: 'H.264' },
  { value: 'av1', label: 'AV1' },
];

export interface Settings {
  get<K extends keyof SettingValues>(key: K): SettingValues[K];
  set<K extends keyof SettingValues>(key: K, value: SettingValues[K]): void;
}

/** Kept in local storage; where that is not allowed, for the life of the page. */
export function loadSettings(storage: () => Storage = () => window.localStorage): Settings {
  const values: SettingValues = { ...DEFAULTS };
  const key = (name: string) => `watershed.${name}`;
  const read = (name: string): string => {
    try {
      return storage().getItem(key(name)) ?? '';
    } catch {
      return '';
    }
  };
  values.name = read('name').slice(0, 80);
  values.cameraId = read('cameraId');
  values.microphoneId = read('microphoneId');
  values.speakerId = read('speakerId');
  values.camera = read('camera') === 'off' ? 'off' : 'on';
  values.microphone = read('microphone') === 'off' ? 'off' : 'on';
  values.shortcuts = read('shortcuts') === 'off' ? 'off' : 'on';
  values.codec = CODEC_CHOICES.find(({ value }) => value === read('codec'))?.value ?? 'auto';
  return {
    get: (name) => values[name],
    set: (name, value) => {
      values[name] = value;
      try {
        storage().setItem(key(name), value);
      } catch {
        // Private mode: remembered until the page is closed.
      }
    },
  };
}
