/** Resolves after `ms`, or at once when `signal` is aborted. Never rejects. */
export function delay(ms: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted) {
      resolve();
      return;
    }
    const finish = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', finish);
      resolve();
    };
    const timer = setTimeout(finish, ms);
    signal?.addEventListener('abort', finish);
  });
}

/** What a promise comes to; undefined when it takes longer than `ms`. Rejects where it does. */
export async function within<T>(promise: Promise<T>, ms: number): Promise<T | undefined> {
  const done = new AbortController();
  try {
    return await Promise.race([promise, delay(ms, done.signal).then(() => undefined)]);
  } finally {
    done.abort();
  }
}

/**
 * Waiting time in ms before try `n` (from 0): doubles from `first` to `most`, with up to a quarter taken off at
 * random, so that the clients of a node that died do not come back in one wave.
 */
export function backOff(n: number, first: number, most: number, random: () => number = Math.random): number {
  const full = Math.min(most, first * 2 ** Math.min(n, 30));
  return full * (1 - random() / 4);
}
