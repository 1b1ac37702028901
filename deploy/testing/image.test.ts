import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';

const read = (path: string) => readFileSync(new URL(path, import.meta.url), 'utf8');
const packages = z.array(z.object({ package: z.string() }));
const requirements = z.object({ commands: packages, sourceCommands: packages, headers: packages });

it('the image installs what the worker is built with, and runs as nobody in particular', () => {
  const [build = '', run = ''] = read('../image/Dockerfile').split(/^FROM .*slim$/m);
  const { commands, sourceCommands, headers } = requirements.parse(
    JSON.parse(read('../../workers/requirements.json')),
  );
  const installed = build.split(/\s+/);
  for (const needed of [...commands, ...sourceCommands, ...headers])
    expect(installed).toContain(needed.package);
  expect(run).toMatch(/^USER (?!0\b)\d+:\d+$/m);
});

describe('what makes worker and page ready', () => {
  let dir = '';
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'watershed-image-'));
  });
  afterAll(() => rmSync(dir, { recursive: true, force: true }));

  const prepare = (args: readonly string[], env: NodeJS.ProcessEnv = {}) =>
    spawnSync(process.execPath, [fileURLToPath(new URL('../image/prepare.mjs', import.meta.url)), ...args], {
      env: { ...process.env, ...env },
      encoding: 'utf8',
      timeout: 20_000,
    });

  it('says which packages are missing, and takes no worker from elsewhere', () => {
    const target = join(dir, 'none');
    const { status, stderr } = prepare(['worker', target], { PATH: dir });
    expect({ status, stderr }).toEqual({
      status: 1,
      stderr: expect.stringMatching(/as root run:\n {2}apt-get install .*g\+\+ ninja-build.* patch xz-utils/),
    });
    expect(existsSync(target)).toBe(false);
  });

  it('replaces a worker that runs', () => {
    const target = join(dir, 'worker');
    copyFileSync('/bin/sleep', target);
    chmodSync(target, 0o755);
    const running = spawn(target, ['60'], { stdio: 'ignore' });
    try {
      const { status, stderr } = prepare(['worker', target], { WATERSHED_WORKER_BIN: '/bin/true' });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(readFileSync(target)).toEqual(readFileSync('/bin/true'));
    } finally {
      running.kill('SIGKILL');
    }
  });

  it('tells how it is called', () => {
    for (const args of [[], ['worker'], ['page', 'x'], ['/opt/worker']]) {
      expect(prepare(args)).toMatchObject({ status: 1, stderr: expect.stringContaining('usage:') });
    }
  });
});

it('the unit gives a node longer to stop than it takes to drain', () => {
  const [, stop = ''] = /^TimeoutStopSec=(\d+)$/m.exec(read('../systemd/watershed.service')) ?? [];
  const [, drain = ''] = /^drain:\n(?:.*\n)*? {2}seconds: (\d+)$/m.exec(read('../../config/node.yaml')) ?? [];
  expect(Number(stop)).toBeGreaterThan(Number(drain) + 7);
});
