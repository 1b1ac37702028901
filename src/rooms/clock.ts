/** A running timer; cancelling it twice, or after it fired, does nothing. */
export interface Timer {
  cancel(): void;
}

/** Time as rooms and sessions see it: injected, so that tests advance it instead of sleeping. */
export interface Clock {
  /** Milliseconds since 1970: for what is compared with tokens, or shown to people. */
  wallMs(): number;
  /** Milliseconds since some fixed moment, never going back: for rates and windows. */
  monotonicMs(): number;
  /** Calls `run` once, `ms` milliseconds from now. A timer does not keep the process alive. */
  after(ms: number, run: () => void): Timer;
}

/** setTimeout fires at once beyond this many milliseconds (24.8 days), so longer waits go in steps. */
const LONGEST_STEP = 2 ** 31 - 1;

/** The machine's clocks. */
export const systemClock: Clock = {
  wallMs: () => Date.now(),
  monotonicMs: () => performance.now(),
  after(ms, run) {
    let handle: NodeJS.Timeout;
    const step = (left: number): void => {
      const wait = Math.min(Math.max(0, left), LONGEST_STEP);
      handle = setTimeout(() => (left > wait ? step(left - wait) : run()), wait);
      handle.unref();
    };
    step(ms);
    return { cancel: () => clearTimeout(handle) };
  },
};
