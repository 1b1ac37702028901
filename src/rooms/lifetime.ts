import type { Clock, Timer } from './clock.ts';

/** When a room ends by itself: at its maximum duration, and a while after everyone has left. */
export class Lifetime {
  readonly #clock: Clock;
  readonly #onExpired: () => void;
  readonly #onEmpty: () => void;
  /** On the wall clock, since people are told. */
  #endsAtMs: number | null = null;
  #duration: Timer | null = null;
  #empty: Timer | null = null;
  #over = false;

  constructor(clock: Clock, on: { expired(): void; empty(): void }) {
    this.#clock = clock;
    this.#onExpired = () => on.expired();
    this.#onEmpty = () => on.empty();
  }

  /** Seconds since 1970; null for a room without a maximum duration. */
  get endsAt(): number | null {
    return this.#endsAtMs === null ? null : Math.floor(this.#endsAtMs / 1000);
  }

  /** Seconds until then. */
  get remaining(): number | null {
    return this.#endsAtMs === null ? null : Math.max(0, (this.#endsAtMs - this.#clock.wallMs()) / 1000);
  }

  /** Ends in so many seconds, unless sooner already: another node may have had the room for longer. */
  endsWithin(seconds: number): void {
    const { remaining } = this;
    if (this.#over || (remaining !== null && remaining <= seconds + 1)) return;
    this.#duration?.cancel();
    this.#endsAtMs = this.#clock.wallMs() + seconds * 1000;
    this.#duration = this.#clock.after(seconds * 1000, this.#onExpired);
  }

  /** Somebody came or went: an empty room is kept for so many seconds from now. */
  occupied(occupied: boolean, keptSeconds: number): void {
    this.#empty?.cancel();
    this.#empty = null;
    if (!this.#over && !occupied) this.#empty = this.#clock.after(keptSeconds * 1000, this.#onEmpty);
  }

  close(): void {
    this.#over = true;
    this.#duration?.cancel();
    this.#empty?.cancel();
  }
}
