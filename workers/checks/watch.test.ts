import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { sanitizers, underWatch } from './watch.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'watershed-watch-test-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function worker(script: string): string {
  const path = join(dir, 'worker');
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
  return path;
}

/** What the checks do: start a worker, whose output goes elsewhere, and complain when it ends badly. */
async function start(workerBin: string): Promise<string> {
  const [code] = await once(spawn(workerBin, ['--of-the-worker'], { stdio: 'ignore' }), 'exit');
  if (code !== 0) throw new Error('the worker died');
  return 'well';
}

it('shows what a sanitizer reports on stderr, whether the check noticed it or not', async () => {
  const report = 'RtpStreamRecv.cpp:873: runtime error: signed integer overflow';
  for (const code of [0, 1]) {
    const running = underWatch(sanitizers, worker(`echo '${report}' >&2; exit ${code}`), start);
    await expect(running).rejects.toThrow(`the sanitizers found:\n${report}`);
  }
});

it('passes on what the check says where nothing was found', async () => {
  const good = worker('test "$1" = --of-the-worker');
  await expect(underWatch(sanitizers, good, start)).resolves.toBe('well');
  await expect(underWatch(sanitizers, worker('exit 1'), start)).rejects.toThrow('the worker died');
});
