import type { LevelMeter } from '../devices/level-meter.ts';

/** Level from which one's own voice counts as heard, and how long it lingers between words. */
const HEARD = 0.42;
const LINGER_MS = 700;

type Meter = (track: MediaStreamTrack, onLevel: (level: number) => void) => LevelMeter;

/** Whether one's own voice is heard: the node tells everybody who speaks, but not the speaker. */
export class VoiceWatch {
  readonly #meterOf: Meter;
  readonly #onChange: () => void;
  #meter: LevelMeter | undefined;
  #track: MediaStreamTrack | null = null;
  #heardAt = Number.NEGATIVE_INFINITY;
  #speaking = false;

  constructor(meterOf: Meter, onChange: () => void) {
    this.#meterOf = meterOf;
    this.#onChange = onChange;
  }

  get speaking(): boolean {
    return this.#speaking;
  }

  /** Listens to this track from now on; null for none. */
  watch(track: MediaStreamTrack | null): void {
    if (track === this.#track) return;
    this.#meter?.close();
    this.#track = track;
    this.#set(false);
    this.#meter = track === null ? undefined : this.#meterOf(track, (level) => this.#hear(level));
  }

  close(): void {
    this.#meter?.close();
    this.#meter = undefined;
    this.#track = null;
  }

  #hear(level: number): void {
    const now = performance.now();
    if (level >= HEARD) this.#heardAt = now;
    this.#set(now - this.#heardAt < LINGER_MS);
  }

  #set(speaking: boolean): void {
    if (speaking === this.#speaking) return;
    this.#speaking = speaking;
    this.#onChange();
  }
}
