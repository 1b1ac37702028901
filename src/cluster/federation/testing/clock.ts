import { afterEach, beforeEach, vi } from 'vitest';

/** Each test of the file runs on a clock that it moves itself; `close` ends what it made, while that clock still goes. */
export function ownClock(close: () => void): void {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => {
    close();
    vi.useRealTimers();
  });
}

/** Lets so many ms pass, with all that falls due in them. */
export async function pass(ms: number): Promise<void> {
  await vi.advanceTimersByTimeAsync(ms);
}

/** What is under way between nodes is through after it. */
export function settle(): Promise<void> {
  return pass(100);
}
