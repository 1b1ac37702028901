import { spawn } from 'node:child_process';
import { dirname, join } from 'node:path';
import { WorkerError } from './errors.ts';

/** Time within which real media must have come through. */
export const SELF_TEST_MS = 10_000;

/**
 * Pushes real DTLS-SRTP media through a worker and resolves when it came out unchanged. A worker that starts
 * and makes transports is no proof of one that works: a crash in the first handshake is how they have failed.
 * Runs in a process of its own, which is killed at the deadline.
 * @throws WorkerError `worker_self_test_failed`
 */
export async function selfTest(
  workerBin: string,
  options: { timeoutMs?: number; signal?: AbortSignal } = {},
): Promise<void> {
  const timeoutMs = options.timeoutMs ?? SELF_TEST_MS;
  options.signal?.throwIfAborted();
  const child = spawn(
    process.execPath,
    ['--import', 'tsx', join(import.meta.dirname, 'selftest-main.ts'), workerBin],
    {
      cwd: dirname(import.meta.dirname),
      stdio: ['ignore', 'ignore', 'pipe'],
      // A group of its own, so that a worker that outlives the test is ended with it.
      detached: true,
    },
  );
  const killGroup = (): void => {
    if (child.pid === undefined) return;
    try {
      process.kill(-child.pid, 'SIGKILL');
    } catch {
      // The group is gone already.
    }
  };
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    errors = (errors + text).slice(-4000);
  });
  let late = false;
  const timer = setTimeout(() => {
    late = true;
    killGroup();
  }, timeoutMs);
  options.signal?.addEventListener('abort', killGroup);
  try {
    const outcome = await new Promise<string | undefined>((resolve) => {
      child.once('error', (error) => resolve(error.message));
      child.once('close', (code, signal) =>
        resolve(code === 0 ? undefined : errors.trim() || `the test ended with ${code ?? signal}`),
      );
    });
    options.signal?.throwIfAborted();
    const reason = late ? `no media within ${timeoutMs / 1000} s` : outcome;
    if (reason !== undefined) {
      throw new WorkerError(
        'worker_self_test_failed',
        `${workerBin} is no working mediasoup worker: ${reason}`,
      );
    }
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener('abort', killGroup);
    killGroup();
  }
}
