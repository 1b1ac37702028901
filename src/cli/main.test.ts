import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, cpSync, mkdtempSync, openSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import { packageVersion } from '../version.ts';
import { run } from './testing/run.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'main-cli-'));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

describe('watershed', () => {
  it('knows its version', async () => {
    expect(await run(['--version'])).toMatchObject({ code: 0, stdout: `${packageVersion()}\n`, stderr: '' });
  });

  it('lists its commands', async () => {
    const { code, stdout } = await run(['--help']);
    expect(code).toBe(0);
    for (const command of ['node', 'policy', 'token'])
      expect(stdout).toMatch(new RegExp(`^ {2}${command} `, 'm'));
  });

  it('says what was probably meant', async () => {
    const { code, stdout, stderr } = await run(['tokn']);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain("unknown command 'tokn'");
    expect(stderr).toContain('Did you mean token?');
  });

  it.each(['stdout', 'stderr'] as const)('exits as it would, with nobody reading its %s', async (stream) => {
    const february = join(root, 'config/policies/zoom-2020-february.yaml');
    const watershed = join(root, 'src/cli/watershed.mjs');
    const child = spawn(process.execPath, [
      watershed,
      'policy',
      'check',
      february,
      join(dir, 'missing.yaml'),
    ]);
    child[stream].destroy();
    child[stream === 'stdout' ? 'stderr' : 'stdout'].resume();
    const [code] = await once(child, 'close', { signal: AbortSignal.timeout(30_000) });
    expect(code).toBe(2);
  });

  it('does not answer on a disk that is full', async () => {
    const full = openSync('/dev/full', 'w');
    try {
      const watershed = join(root, 'src/cli/watershed.mjs');
      const args = [watershed, 'policy', 'check', join(root, 'config/policies/zoom-2020.yaml')];
      const child = spawn(process.execPath, args, { stdio: ['ignore', full, 'pipe'] });
      let stderr = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        stderr += text;
      });
      const [code] = await once(child, 'close', { signal: AbortSignal.timeout(30_000) });
      expect([code, stderr]).toEqual([2, expect.stringContaining('watershed: cannot write: ENOSPC')]);
    } finally {
      closeSync(full);
    }
  });

  it('is what npx finds in a checkout, with nothing but the packages installed', async () => {
    const checkout = mkdtempSync(join(dir, 'checkout-'));
    for (const name of ['package.json', 'src', 'config']) {
      cpSync(join(root, name), join(checkout, name), { recursive: true });
    }
    symlinkSync(join(root, 'node_modules'), join(checkout, 'node_modules'));
    const { stdout } = await promisify(execFile)('npx', ['--no', '--', 'watershed', '--version'], {
      cwd: checkout,
      timeout: 30_000,
    });
    expect(stdout).toBe(`${packageVersion()}\n`);
  });
});

describe('watershed node --print-config', () => {
  it('prints what the standalone node runs with, and starts nothing', async () => {
    const { code, stdout, stderr } = await run(['node', '--print-config']);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(parse(stdout)).toMatchObject({ mode: 'development', http: { port: 4433 } });
  });

  it('takes a file, by option or variable, and variables over it', async () => {
    const file = join(dir, 'small.yaml');
    writeFileSync(
      file,
      'mode: development\nnode: { datacenter: fra }\npolicy: { file: p.yaml }\ntokens: { development: true }\n',
    );
    const byOption = await run(['node', '--config', file, '--print-config'], { WATERSHED_HTTP_PORT: '0' });
    expect(parse(byOption.stdout)).toMatchObject({
      node: { datacenter: 'fra' },
      policy: { file: join(dir, 'p.yaml') },
      http: { port: 0 },
    });
    const byVariable = await run(['node', '--print-config'], { WATERSHED_CONFIG: file });
    expect(parse(byVariable.stdout)).toMatchObject({ node: { datacenter: 'fra' } });
  });

  it('prints every fault with its place, and exits with 2', async () => {
    const file = join(dir, 'bad.yaml');
    writeFileSync(file, 'mode: development\nnode: { datacentre: fra }\npolicy: { file: p.yaml }\n');
    const { code, stdout, stderr } = await run(['node', '--config', file], { WATERSHED_HTTP_POTR: '1' });
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr.trim().split('\n')).toEqual([
      'WATERSHED_HTTP_POTR: nothing reads this variable; did you mean "WATERSHED_HTTP_PORT"?',
      `${file}:2:7: node.datacenter is missing`,
      `${file}:2:9: node has no key "datacentre"; did you mean "datacenter"?`,
    ]);
  });
});
