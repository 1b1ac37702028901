import { randomUUID } from 'node:crypto';
import type { StreamMeter } from './meter.ts';

/** What a synthetic track produces. */
export interface TrackShape {
  readonly kind: 'audio' | 'video';
  /** Bytes of one audio packet's payload. Default 80. */
  readonly audioBytes?: number;
  /** -dBov of the sound that audio packets claim to hold; 127 is silence. Default 30. */
  readonly audioLevel?: number;
  /** Frames per second. Default 25. */
  readonly frameRate?: number;
  /** Pixels of the highest layer. Default 640 × 360. */
  readonly width?: number;
  readonly height?: number;
  /** Share of a video encoding's `maxBitrate` that is really sent. Default 0.5. */
  readonly fill?: number;
}

/**
 * A MediaStreamTrack for Node: nothing is captured or played. One that is sent says what to make up, one that
 * is received carries the meter of its packets.
 */
export class SyntheticTrack extends EventTarget implements MediaStreamTrack {
  readonly id = randomUUID();
  readonly kind: 'audio' | 'video';
  readonly label: string;
  readonly shape: TrackShape;
  /** Of a received track. */
  readonly meter: StreamMeter | null;
  contentHint = '';
  /** Told when the track is switched on or off. */
  onSwitched: ((enabled: boolean) => void) | null = null;
  readonly muted = false;
  onended: MediaStreamTrack['onended'] = null;
  onmute: MediaStreamTrack['onmute'] = null;
  onunmute: MediaStreamTrack['onunmute'] = null;
  #state: MediaStreamTrackState = 'live';
  #enabled = true;

  constructor(shape: TrackShape, meter: StreamMeter | null = null) {
    super();
    this.shape = shape;
    this.kind = shape.kind;
    this.meter = meter;
    this.label = `synthetic ${shape.kind}`;
  }

  get enabled(): boolean {
    return this.#enabled;
  }

  set enabled(enabled: boolean) {
    if (enabled === this.#enabled) return;
    this.#enabled = enabled;
    this.onSwitched?.(enabled);
  }

  get readyState(): MediaStreamTrackState {
    return this.#state;
  }

  /** As in a browser, an application's own stop is no `ended` event. */
  stop(): void {
    this.#state = 'ended';
  }

  /** Ends as when a device is unplugged. */
  fail(): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.dispatchEvent(new Event('ended'));
  }

  clone(): MediaStreamTrack {
    return new SyntheticTrack(this.shape, this.meter);
  }

  getSettings(): MediaTrackSettings {
    if (this.kind === 'audio') return {};
    return { width: this.shape.width ?? 640, height: this.shape.height ?? 360 };
  }

  getCapabilities(): MediaTrackCapabilities {
    return {};
  }

  getConstraints(): MediaTrackConstraints {
    return {};
  }

  applyConstraints(): Promise<void> {
    return Promise.resolve();
  }
}
