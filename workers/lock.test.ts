import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname, tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { acquireLock } from './lock.ts';

let dir: string;
let file: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'watershed-lock-'));
  file = join(dir, 'lock');
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

const never = { done: () => false, pollMs: 5 };

describe('a lock', () => {
  it('is held by one at a time', async () => {
    const first = await acquireLock(file, never);
    const onWait = vi.fn();
    let second: Awaited<ReturnType<typeof acquireLock>>;
    const waiting = acquireLock(file, { ...never, onWait }).then((lock) => {
      second = lock;
    });
    await vi.waitFor(() => expect(onWait).toHaveBeenCalledOnce());
    expect(second).toBeUndefined();
    first?.release();
    await waiting;
    expect(second).toBeDefined();
    second?.release();
    expect(existsSync(file)).toBe(false);
  });

  it('is not waited for once its purpose is met', async () => {
    const lock = await acquireLock(file, never);
    let done = false;
    const waiting = acquireLock(file, { done: () => done, pollMs: 5 });
    done = true;
    expect(await waiting).toBeUndefined();
    lock?.release();
  });

  it('of a dead process is taken over', async () => {
    const { pid } = spawnSync(process.execPath, ['-e', '']);
    writeFileSync(file, JSON.stringify({ id: 'x', pid, host: hostname() }));
    const lock = await acquireLock(file, never);
    expect(lock).toBeDefined();
    lock?.release();
  });

  it.each([
    ['unreadable', ''],
    ["another host's", JSON.stringify({ id: 'x', pid: 1, host: 'elsewhere' })],
  ])('that is %s is taken over when nobody has touched it for long', async (_name, text) => {
    writeFileSync(file, text);
    const ending = new AbortController();
    const fresh = acquireLock(file, { ...never, signal: ending.signal, onWait: () => ending.abort() });
    await expect(fresh).rejects.toThrow();
    utimesSync(file, new Date(0), new Date(0));
    const lock = await acquireLock(file, never);
    expect(lock).toBeDefined();
    lock?.release();
  });

  it("that was taken over is not the former owner's to release", async () => {
    const former = await acquireLock(file, never);
    rmSync(file);
    const holder = await acquireLock(file, never);
    former?.release();
    expect(existsSync(file)).toBe(true);
    holder?.release();
    expect(existsSync(file)).toBe(false);
  });

  it('is not waited for after an abort', async () => {
    const lock = await acquireLock(file, never);
    const ending = new AbortController();
    const waiting = acquireLock(file, { ...never, signal: ending.signal });
    ending.abort(new Error('enough'));
    await expect(waiting).rejects.toThrow();
    lock?.release();
  });
});
