import { Emitter } from '../../../client/emitter.ts';
import type { Settings } from '../settings.ts';
import { describeMediaError, type MediaProblem, mediaAvailable } from './media-problem.ts';

export type LocalKind = 'camera' | 'microphone';

export interface LocalDevice {
  /** What the person wants; `track` is what they got. */
  readonly wanted: boolean;
  readonly starting: boolean;
  readonly track: MediaStreamTrack | null;
  readonly problem: MediaProblem | null;
}

export interface DeviceChoices {
  readonly camera: readonly MediaDeviceInfo[];
  readonly microphone: readonly MediaDeviceInfo[];
  readonly speaker: readonly MediaDeviceInfo[];
}

interface LocalMediaEvents {
  /** A device was switched on or off, replaced, lost or refused. */
  changed: [LocalKind];
  devices: [DeviceChoices];
}

const OFF: LocalDevice = { wanted: false, starting: false, track: null, problem: null };
const CAMERA_QUALITY = { width: { ideal: 1280 }, height: { ideal: 720 }, frameRate: { ideal: 30, max: 30 } };
const VOICE_QUALITY = { echoCancellation: true, noiseSuppression: true, autoGainControl: true };

/**
 * The person's own camera and microphone, from the lobby through the whole call. Switching the camera off stops
 * it, so that its light goes out; a muted microphone stays open, so that unmuting is instant, but is silent
 * (`track.enabled`).
 */
export class LocalMedia extends Emitter<LocalMediaEvents> {
  readonly #settings: Settings;
  readonly #state: Record<LocalKind, LocalDevice> = { camera: OFF, microphone: OFF };
  /** The last request wins: what an older one brings is stopped. */
  readonly #generation: Record<LocalKind, number> = { camera: 0, microphone: 0 };
  #devices: DeviceChoices = { camera: [], microphone: [], speaker: [] };
  #closed = false;
  readonly #onDeviceChange = () => void this.refreshDevices();

  constructor(settings: Settings) {
    super();
    this.#settings = settings;
    if (mediaAvailable() === undefined) {
      navigator.mediaDevices.addEventListener('devicechange', this.#onDeviceChange);
    }
  }

  get camera(): LocalDevice {
    return this.#state.camera;
  }

  get microphone(): LocalDevice {
    return this.#state.microphone;
  }

  get devices(): DeviceChoices {
    return this.#devices;
  }

  /** The microphone can be heard: it is on and has a track. */
  get audible(): boolean {
    const { wanted, track } = this.#state.microphone;
    return wanted && track !== null;
  }

  /** Switches a device on or off. Never rejects: what went wrong is in `problem`. */
  async set(kind: LocalKind, on: boolean): Promise<void> {
    const before = this.#state[kind];
    if (!on) {
      this.#generation[kind]++;
      // One that was given up has ended: kept, it would be published again.
      const keep = kind === 'microphone' && before.track?.readyState === 'live';
      if (keep && before.track !== null) before.track.enabled = false;
      else before.track?.stop();
      this.#update(kind, {
        wanted: false,
        starting: false,
        track: keep ? before.track : null,
        problem: null,
      });
      return;
    }
    if (before.track !== null && before.track.readyState === 'live') {
      before.track.enabled = true;
      this.#update(kind, { wanted: true, starting: false, track: before.track, problem: null });
      return;
    }
    await this.#open(kind);
  }

  /** Uses another device from now on. Switches it on only if the person had it on. */
  async choose(kind: LocalKind, deviceId: string): Promise<void> {
    this.#settings.set(kind === 'camera' ? 'cameraId' : 'microphoneId', deviceId);
    const before = this.#state[kind];
    if (before.wanted) await this.#open(kind);
    else if (before.track !== null) {
      before.track.stop();
      this.#update(kind, OFF);
    }
  }

  /** Names are known only after permission was given; asked again whenever a device comes or goes. */
  async refreshDevices(): Promise<void> {
    if (mediaAvailable() !== undefined || this.#closed) return;
    const all = await navigator.mediaDevices.enumerateDevices().catch(() => []);
    const of = (kind: MediaDeviceKind) =>
      all.filter((device) => device.kind === kind && device.deviceId !== '');
    this.#devices = { camera: of('videoinput'), microphone: of('audioinput'), speaker: of('audiooutput') };
    this.emit('devices', this.#devices);
  }

  /** Stops everything; the object is of no more use. */
  close(): void {
    this.#closed = true;
    if (mediaAvailable() === undefined) {
      navigator.mediaDevices.removeEventListener('devicechange', this.#onDeviceChange);
    }
    for (const kind of ['camera', 'microphone'] as const) {
      this.#generation[kind]++;
      this.#state[kind].track?.stop();
      this.#state[kind] = OFF;
    }
    this.removeAll();
  }

  async #open(kind: LocalKind): Promise<void> {
    const generation = ++this.#generation[kind];
    const before = this.#state[kind].track;
    const unavailable = mediaAvailable();
    if (unavailable !== undefined) {
      this.#update(kind, { wanted: false, starting: false, track: null, problem: unavailable });
      return;
    }
    this.#update(kind, { wanted: true, starting: true, track: before, problem: null });
    try {
      const track = await this.#request(kind);
      if (generation !== this.#generation[kind]) {
        track.stop();
        return;
      }
      before?.stop();
      track.addEventListener('ended', () => this.#lost(kind, track));
      this.#update(kind, { wanted: true, starting: false, track, problem: null });
      void this.refreshDevices();
    } catch (error) {
      if (generation !== this.#generation[kind]) return;
      before?.stop();
      this.#update(kind, {
        wanted: false,
        starting: false,
        track: null,
        problem: describeMediaError(error, kind),
      });
    }
  }

  async #request(kind: LocalKind): Promise<MediaStreamTrack> {
    const saved = this.#settings.get(kind === 'camera' ? 'cameraId' : 'microphoneId');
    // `ideal`, not `exact`: a device that is gone gives way to the default instead of an error.
    const device = saved === '' ? {} : { deviceId: { ideal: saved } };
    const stream = await navigator.mediaDevices.getUserMedia(
      kind === 'camera'
        ? { video: { ...CAMERA_QUALITY, ...device } }
        : { audio: { ...VOICE_QUALITY, ...device } },
    );
    const [track] = stream.getTracks();
    if (track === undefined) throw new DOMException('no track', 'NotFoundError');
    return track;
  }

  /** The device was unplugged, or its permission taken back, in the middle of it. */
  #lost(kind: LocalKind, track: MediaStreamTrack): void {
    if (this.#state[kind].track !== track) return;
    const problem: MediaProblem = {
      code: 'missing',
      title: `The ${kind} is gone`,
      advice: `It was unplugged or its permission was taken back. Choose another ${kind}.`,
    };
    this.#update(kind, { wanted: false, starting: false, track: null, problem });
  }

  #update(kind: LocalKind, state: LocalDevice): void {
    if (this.#closed) {
      state.track?.stop();
      return;
    }
    this.#state[kind] = state;
    this.emit('changed', kind);
  }
}
