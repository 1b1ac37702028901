import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const SCRIPT = fileURLToPath(new URL('../../setup/setup.mjs', import.meta.url));

/** Does what a local cluster needs and is missing; its words go to stderr. Rejects when that is not possible. */
export async function setUp(signal: AbortSignal): Promise<void> {
  signal.throwIfAborted();
  const child = spawn(process.execPath, [SCRIPT, 'cluster'], { stdio: ['ignore', 2, 2] });
  const end = () => child.kill('SIGTERM');
  signal.addEventListener('abort', end);
  const [code] = await once(child, 'exit');
  signal.removeEventListener('abort', end);
  signal.throwIfAborted();
  if (code !== 0) throw new Error('set-up failed, as told above');
}
