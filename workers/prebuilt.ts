import { spawn } from 'node:child_process';
import { copyFileSync, existsSync } from 'node:fs';
import { join } from 'node:path';
import { BINARY } from './cache.ts';
import { WorkerError } from './errors.ts';
import type { MediasoupSource } from './source.ts';

const DOWNLOAD_MS = 120_000;

/**
 * Has mediasoup's own postinstall script fetch the worker that its authors built, and copies it to `dir`.
 * Needs GitHub, and carries none of our patches: the last resort.
 * @throws WorkerError `worker_download_failed`
 */
export async function downloadWorker(
  source: MediasoupSource,
  dir: string,
  signal?: AbortSignal,
): Promise<string> {
  signal?.throwIfAborted();
  const { MEDIASOUP_WORKER_BIN: _ours, ...env } = process.env;
  const child = spawn(process.execPath, [join(source.root, 'npm-scripts.mjs'), 'postinstall'], {
    cwd: source.root,
    env,
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: DOWNLOAD_MS,
    signal,
  });
  let tail = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      tail = (tail + text).slice(-2000);
    });
  }
  const outcome = await new Promise<string | undefined>((resolve) => {
    child.once('error', (error) => resolve(error.message));
    child.once('close', (code, killed) => resolve(code === 0 ? undefined : `ended with ${code ?? killed}`));
  });
  signal?.throwIfAborted();
  const fetched = join(source.workerDir, 'out', 'Release', BINARY);
  if (outcome !== undefined || !existsSync(fetched)) {
    throw new WorkerError(
      'worker_download_failed',
      `mediasoup's prebuilt worker could not be had: ${outcome ?? 'no binary came'}\n${tail}`,
    );
  }
  const copy = join(dir, BINARY);
  copyFileSync(fetched, copy);
  return copy;
}
