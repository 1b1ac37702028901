/** What the page remembers of this person in this browser. Nothing secret; '' stands for the default. */
export interface SettingValues {
  name: string;
  cameraId: string;
  microphoneId: string;
  speakerId: string;
  camera: 'on' | 'off';
  microphone: 'on' | 'off';
}

const DEFAULTS: SettingValues = {
  name: '',
  cameraId: '',
  microphoneId: '',
  speakerId: '',
  camera: 'on',
  microphone: 'on',
};

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
