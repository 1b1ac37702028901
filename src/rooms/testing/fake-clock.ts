import type { Clock, Timer } from '../clock.ts';

interface Entry {
  readonly at: number;
  readonly run: () => void;
}

/** A clock that stands still until a test moves it. */
export class FakeClock implements Clock {
  #now = 0;
  readonly #start: number;
  readonly #entries = new Set<Entry>();

  constructor(startMs = Date.UTC(2026, 10, 1)) {
    this.#start = startMs;
  }

  /** Timers that have not fired and were not cancelled. */
  get pending(): number {
    return this.#entries.size;
  }

  wallMs(): number {
    return this.#start + this.#now;
  }

  monotonicMs(): number {
    return this.#now;
  }

  after(ms: number, run: () => void): Timer {
    const entry = { at: this.#now + Math.max(0, ms), run };
    this.#entries.add(entry);
    return { cancel: () => this.#entries.delete(entry) };
  }

  /** Moves time on, firing what falls due in its order. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      let next: Entry | undefined;
      for (const entry of this.#entries) {
        if (entry.at <= until && (next === undefined || entry.at < next.at)) next = entry;
      }
      if (next === undefined) break;
      this.#entries.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.run();
    }
    this.#now = until;
  }
}
