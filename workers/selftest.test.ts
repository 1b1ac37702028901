import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { ensureWorker } from './ensure.ts';
import { selfTest } from './selftest.ts';

const dir = mkdtempSync(join(tmpdir(), 'watershed-selftest-'));
afterAll(() => rmSync(dir, { recursive: true, force: true }));

function executable(name: string, script: string): string {
  const file = join(dir, name);
  writeFileSync(file, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return file;
}

describe('the self-test', () => {
  it('passes the worker of this machine, with real DTLS-SRTP media', async () => {
    const worker = await ensureWorker({ build: false });
    await selfTest(worker.path, { timeoutMs: 30_000 });
  });

  it.each([
    ['ends at once', 'exit 1'],
    ['is none', 'echo hello'],
    ['dies of a signal', 'kill -SEGV $$'],
  ])('refuses one that %s', async (name, script) => {
    const bin = executable(name.replaceAll(' ', '-'), script);
    await expect(selfTest(bin, { timeoutMs: 30_000 })).rejects.toMatchObject({
      code: 'worker_self_test_failed',
      message: expect.stringContaining(bin),
    });
  });

  it('refuses one that dies while it is tested', async () => {
    const worker = await ensureWorker({ build: false });
    // The packets that must arrive take longer to send than this one lives.
    const bin = executable(
      'crashes',
      `"${worker.path}" "$@" & pid=$!\nsleep 0.1\nkill -SEGV $pid\nwait $pid\nkill -SEGV $$`,
    );
    await expect(selfTest(bin, { timeoutMs: 30_000 })).rejects.toThrow(/died|signal:SIG/);
  });

  it('gives up on one that never answers', async () => {
    const bin = executable('hangs', 'exec sleep 600');
    await expect(selfTest(bin, { timeoutMs: 1500 })).rejects.toThrow('no media within 1.5 s');
  });

  it('ends when it is told to', async () => {
    const bin = executable('hangs-too', 'exec sleep 600');
    const ending = new AbortController();
    const running = selfTest(bin, { timeoutMs: 30_000, signal: ending.signal });
    ending.abort(new Error('enough'));
    await expect(running).rejects.toThrow('enough');
  });
});
