import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { BINARY } from './cache.ts';
import { type WorkerContext, workerContext } from './context.ts';
import { type EnsureParts, ensureWorker, findWorker } from './ensure.ts';
import { WorkerError } from './errors.ts';
import type { Progress } from './progress.ts';
import type { Toolchain } from './toolchain.ts';

const complete: Toolchain = {
  missing: [],
  versions: ['g++-12 12.2'],
  srtpVersion: '2.5.0-3',
  ipsecMbVersion: undefined,
};
const incomplete: Toolchain = {
  missing: ['g++', 'libuv1-dev'],
  versions: [],
  srtpVersion: undefined,
  ipsecMbVersion: undefined,
};

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'watershed-ensure-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function context(toolchain: Toolchain = complete): WorkerContext {
  return workerContext({ cacheDir: join(dir, 'cache'), toolchain });
}

/** Steps that make a file in place of a worker, and count. */
function parts(of: WorkerContext = context()) {
  const make = (into: string, content: string): string => {
    const file = join(into, 'made');
    writeFileSync(file, content, { mode: 0o755 });
    return file;
  };
  return {
    context: of,
    env: {},
    pollMs: 5,
    build: vi.fn<EnsureParts['build']>(async (input) => make(input.dir, `built with ${input.recipe.srtp}`)),
    libsrtp: vi.fn<EnsureParts['libsrtp']>(async (_version, into) => ({ dir: into, version: '2.5.0' })),
    download: vi.fn<EnsureParts['download']>(async (_source, into) => make(into, 'fetched')),
    selfTest: vi.fn<EnsureParts['selfTest']>(async () => {}),
  };
}

/** A promise and what resolves it. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => {};
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

function leftovers(): string[] {
  return existsSync(join(dir, 'cache'))
    ? readdirSync(join(dir, 'cache')).filter((name) => name.startsWith('.work') || name.endsWith('.lock'))
    : [];
}

describe('which worker is used', () => {
  it('an explicit one before all others, from the argument before the environment', async () => {
    const named = join(dir, 'named');
    writeFileSync(named, '#!/bin/sh\n', { mode: 0o755 });
    const p = { ...parts(), env: { WATERSHED_WORKER_BIN: '/nowhere' } };
    await ensureWorker({ parts: parts() });
    expect(await ensureWorker({ explicitBin: named, parts: p })).toMatchObject({
      path: named,
      origin: 'explicit',
    });
    expect(findWorker({ env: { WATERSHED_WORKER_BIN: named } })).toMatchObject({
      path: named,
      origin: 'explicit',
    });
    expect(p.build).not.toHaveBeenCalled();
  });

  it.each([['/nowhere/worker'], [import.meta.filename]])(
    'an explicit %s that cannot run is an error',
    async (bin) => {
      const p = parts();
      await expect(ensureWorker({ explicitBin: bin, parts: p })).rejects.toMatchObject({
        code: 'worker_explicit_unusable',
        message: expect.stringContaining(bin),
      });
      expect(() => findWorker({ explicitBin: bin, context: p.context, env: {} })).toThrow(WorkerError);
      expect(p.build).not.toHaveBeenCalled();
    },
  );

  it('the cached one, once it was built and tested', async () => {
    const p = parts();
    expect(findWorker({ context: p.context, env: {} })).toBeUndefined();
    const built = await ensureWorker({ parts: p });
    expect(built).toMatchObject({
      origin: 'native',
      path: join(dir, 'cache', `${p.context.keys.native}`, BINARY),
    });
    expect(p.selfTest).toHaveBeenCalledOnce();
    expect(await ensureWorker({ parts: p })).toEqual({ ...built, origin: 'cache' });
    expect(findWorker({ context: p.context, env: {} })).toEqual({ ...built, origin: 'cache' });
    expect(p.build).toHaveBeenCalledOnce();
    expect(p.download).not.toHaveBeenCalled();
    expect(leftovers()).toEqual([]);
  });

  it('a prebuilt one only where tools are missing, and it says so for ever', async () => {
    const p = parts(context(incomplete));
    expect(await ensureWorker({ parts: p })).toMatchObject({ origin: 'prebuilt' });
    expect(p.build).not.toHaveBeenCalled();
    expect(p.selfTest).toHaveBeenCalledOnce();
    expect(await ensureWorker({ parts: p })).toMatchObject({ origin: 'prebuilt' });
    expect(p.download).toHaveBeenCalledOnce();
    // Once there is a compiler, the native one takes its place.
    const later = parts();
    expect(await ensureWorker({ parts: later })).toMatchObject({ origin: 'native' });
  });

  it('one that was built here, where the compiler has gone since', async () => {
    const built = await ensureWorker({ parts: parts() });
    const p = parts(context(incomplete));
    expect(await ensureWorker({ parts: p })).toEqual({ ...built, origin: 'cache' });
    expect(p.download).not.toHaveBeenCalled();
  });

  it('after an update of a library: the old one to start with, a new one from set-up', async () => {
    const old = await ensureWorker({ parts: parts() });
    const updated = parts(context({ ...complete, versions: ['g++-12 12.3'] }));
    const at = { context: updated.context, env: {} };
    expect(findWorker(at)).toEqual({ ...old, origin: 'cache' });
    expect(findWorker({ ...at, current: true })).toBeUndefined();
    const renewed = await ensureWorker({ parts: updated });
    expect(renewed.path).not.toBe(old.path);
    expect(findWorker(at)?.path).toBe(renewed.path);
  });

  it('none, and an error that says what to do, when nothing may be built', async () => {
    const p = parts();
    await expect(ensureWorker({ build: false, parts: p })).rejects.toMatchObject({
      code: 'worker_not_found',
      message: expect.stringContaining('npm run setup'),
    });
    expect(p.build).not.toHaveBeenCalled();
  });

  it('none, and an error with the apt command, when tools are missing and nothing can be fetched', async () => {
    const p = parts(context(incomplete));
    p.download.mockRejectedValue(new Error('no network'));
    await expect(ensureWorker({ parts: p })).rejects.toMatchObject({
      code: 'worker_tools_missing',
      message: expect.stringContaining('apt-get install -y --no-install-recommends g++ libuv1-dev'),
    });
    expect(leftovers()).toEqual([]);
  });
});

describe("without libsrtp's source", () => {
  it("the system's library is linked, people are told, and the worker is kept apart", async () => {
    const p = parts();
    p.libsrtp.mockResolvedValue({ reason: 'no network' });
    const told: Progress[] = [];
    const fallback = await ensureWorker({ parts: p, onProgress: (progress) => told.push(progress) });
    expect(fallback).toMatchObject({ origin: 'native' });
    expect(p.build.mock.calls[0]?.[0]).toMatchObject({ recipe: { srtp: 'system' }, libsrtp: undefined });
    expect(p.libsrtp).toHaveBeenCalledWith('2.5.0-3', expect.any(String), undefined);
    expect(told.filter((t) => t.warning !== undefined)).toEqual([
      { phase: 'source', warning: expect.stringMatching(/NSS.*: no network$/) },
    ]);
    // A node starts with it; set-up looks again whether the source is there by now.
    const at = { context: p.context, env: {} };
    expect(findWorker(at)).toEqual({ ...fallback, origin: 'cache' });
    expect(findWorker({ ...at, current: true })).toBeUndefined();
    expect(await ensureWorker({ parts: p })).toEqual({ ...fallback, origin: 'cache' });
    expect(p.build).toHaveBeenCalledOnce();
    const better = await ensureWorker({ parts: parts() });
    expect(better).toMatchObject({ origin: 'native' });
    expect(findWorker(at)).toEqual({ ...better, origin: 'cache' });
    expect(leftovers()).toEqual([]);
  });
});

describe('a worker that is not proved', () => {
  it('never gets into the cache', async () => {
    const broken = parts();
    broken.selfTest.mockRejectedValue(new WorkerError('worker_self_test_failed', 'no media'));
    await expect(ensureWorker({ parts: broken })).rejects.toMatchObject({ code: 'worker_self_test_failed' });
    expect(findWorker({ context: broken.context, env: {} })).toBeUndefined();
    expect(leftovers()).toEqual([]);
    expect(await ensureWorker({ parts: parts() })).toMatchObject({ origin: 'native' });
  });

  it('is tested before it can be found', async () => {
    const p = parts();
    p.selfTest.mockImplementation(async (bin) => {
      expect(existsSync(bin)).toBe(true);
      expect(findWorker({ context: p.context, env: {} })).toBeUndefined();
    });
    await ensureWorker({ parts: p });
    expect(p.selfTest).toHaveBeenCalledOnce();
  });

  it('is built anew when what the cache holds was cut off', async () => {
    const p = parts();
    const { path } = await ensureWorker({ parts: p });
    writeFileSync(path, 'bui');
    expect(findWorker({ context: p.context, env: {} })).toBeUndefined();
    expect(await ensureWorker({ parts: p })).toMatchObject({ origin: 'native' });
    expect(p.build).toHaveBeenCalledTimes(2);
  });
});

describe('two at once', () => {
  it('build once, and both get it', async () => {
    const p = parts();
    const told: Progress[] = [];
    const begun = gate();
    const finish = gate();
    p.build.mockImplementationOnce(async (input) => {
      begun.open();
      await finish.opened;
      const file = join(input.dir, 'made');
      writeFileSync(file, 'built', { mode: 0o755 });
      return file;
    });
    const first = ensureWorker({ parts: p });
    await begun.opened;
    const second = ensureWorker({ parts: p, onProgress: (progress) => told.push(progress) });
    await vi.waitFor(() => expect(told).toEqual([{ phase: 'wait' }]));
    finish.open();
    const [a, b] = await Promise.all([first, second]);
    expect(b).toEqual({ ...a, origin: 'cache' });
    expect(p.build).toHaveBeenCalledOnce();
    expect(leftovers()).toEqual([]);
  });

  it('do no harm when the lock is lost', async () => {
    const p = parts();
    const lock = join(dir, 'cache', `${p.context.keys.native}.lock`);
    // Whoever builds loses the lock to somebody who takes it for dead.
    p.build.mockImplementation(async (input) => {
      rmSync(lock, { force: true });
      const file = join(input.dir, 'made');
      writeFileSync(file, `built ${p.build.mock.calls.length}`, { mode: 0o755 });
      return file;
    });
    const all = await Promise.all(Array.from({ length: 4 }, () => ensureWorker({ parts: p })));
    expect(new Set(all.map((w) => w.sha256)).size).toBe(1);
    expect(leftovers()).toEqual([]);
  });

  it('the second builds when the first fails', async () => {
    const failing = parts();
    failing.build.mockRejectedValue(new Error('no space'));
    const p = parts();
    const first = ensureWorker({ parts: failing });
    const second = ensureWorker({ parts: p });
    await expect(first).rejects.toThrow('no space');
    expect(await second).toMatchObject({ origin: 'native' });
  });
});

it('an abort ends the wait and the build', async () => {
  const ending = new AbortController();
  const p = parts();
  p.build.mockImplementation(async ({ signal }) => {
    ending.abort(new Error('enough'));
    signal?.throwIfAborted();
    return '';
  });
  await expect(ensureWorker({ parts: p, signal: ending.signal })).rejects.toThrow('enough');
  expect(leftovers()).toEqual([]);
});
