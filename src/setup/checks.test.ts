import { mkdirSync, mkdtempSync, readFileSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CommandFailed, run } from './child.mjs';
import { buildRequirements, missingPackages, testRequirements } from './debian.mjs';
import { packagesAreInstalled } from './npm-packages.mjs';
import { createMeter, duration } from './report.mjs';
import { isStamped, writeStamp } from './stamp.mjs';

let root: string;
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'watershed-setup-'));
});
afterEach(() => rmSync(root, { recursive: true, force: true }));

function write(path: string, content: string, mode = 0o644): string {
  const file = join(root, path);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, content, { mode });
  return file;
}

describe('npm packages are there', () => {
  const locked = {
    '': { name: 'x' },
    'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' },
    'node_modules/dev': { version: '1.0.0', dev: true },
    'node_modules/other-platform': { version: '1.0.0', optional: true },
  };
  const a = { 'node_modules/a': { version: '1.0.0', integrity: 'sha512-a' } };
  const dev = { 'node_modules/dev': { version: '1.0.0', dev: true } };

  it.each<[string, object | undefined, boolean, boolean]>([
    ['all of them', { ...a, ...dev }, true, true],
    ['nothing', undefined, false, false],
    ['without what only tests need', a, true, false],
    [
      'another version',
      { ...dev, 'node_modules/a': { version: '1.0.1', integrity: 'sha512-a' } },
      false,
      false,
    ],
    [
      'other content',
      { ...dev, 'node_modules/a': { version: '1.0.0', integrity: 'sha512-b' } },
      false,
      false,
    ],
  ])('%s', (_name, installed, forStart, forTests) => {
    write('package-lock.json', JSON.stringify({ packages: locked }));
    if (installed) write('node_modules/.package-lock.json', JSON.stringify({ packages: installed }));
    expect(packagesAreInstalled(root, { dev: false })).toBe(forStart);
    expect(packagesAreInstalled(root, { dev: true })).toBe(forTests);
  });
});

describe('Debian packages', () => {
  it('are missing when their command or header is', () => {
    write('bin/there', '', 0o755);
    write('bin/not-executable', '');
    const commands = ['there', 'not-executable', 'absent'].map((name) => ({
      name,
      package: `package-${name}`,
    }));
    const headers = [{ name: 'no/such/header.h', package: 'absent-dev' }];
    expect(missingPackages([{ commands, headers }], { PATH: join(root, 'bin') })).toEqual([
      'package-not-executable',
      'package-absent',
      'absent-dev',
    ]);
  });

  it('come from one list with the native build', () => {
    const { commands, headers } = buildRequirements(join(import.meta.dirname, '../..'));
    expect(commands.map((c) => c.package)).toContain('g++');
    expect(headers.map((h) => h.package)).toContain('libsrtp2-dev');
    expect(testRequirements.commands.map((c) => c.package)).toEqual([
      'redis-server',
      'chromium',
      'iproute2',
      'haproxy',
      'nftables',
    ]);
  });
});

describe('installing Debian packages as an ordinary user', () => {
  /** Runs the real thing in a process that takes itself for an ordinary user's, with this `sudo` in its path. */
  async function install(sudo: string | null): Promise<{ said: string; asked: string[] }> {
    const log = join(root, 'asked');
    writeFileSync(log, '');
    mkdirSync(join(root, 'bin'), { recursive: true });
    if (sudo !== null) write('bin/sudo', `#!/bin/sh\necho "$*" >> ${log}\n${sudo}\n`, 0o755);
    const script = `
      process.getuid = () => 1000;
      const { installDebianPackages } = await import(${JSON.stringify(new URL('./debian.mjs', import.meta.url).href)});
      await installDebianPackages(['redis-server', 'chromium'], new AbortController().signal).catch((error) =>
        console.log(error.message));`;
    const env = { PATH: join(root, 'bin') };
    const said = await run(process.execPath, ['--input-type=module', '-e', script], { env });
    return { said, asked: readFileSync(log, 'utf8').trim().split('\n') };
  }

  it('goes through sudo, which asks for nothing', async () => {
    const { said, asked } = await install('exit 0');
    expect(said).toContain('installing Debian packages (once): redis-server chromium');
    expect(asked[0]).toBe('-n true');
    expect(asked[1]).toMatch(/^-n env DEBIAN_FRONTEND=noninteractive .*apt-get .*update$/);
    expect(asked[2]).toMatch(/^-n sh -c .*apt-get .*--no-install-recommends install redis-server chromium$/);
    expect(asked).toHaveLength(3);
  });

  it('tells what to run where sudo wants a password', async () => {
    const { said, asked } = await install('echo "sudo: a password is required" >&2; exit 1');
    expect(said).toContain('without a password');
    expect(said).toContain('sudo apt-get install -y --no-install-recommends redis-server chromium');
    expect(asked).toEqual(['-n true']);
  });

  it('tells what to run as root where there is no sudo', async () => {
    const { said } = await install(null);
    expect(said).toContain('there is no sudo');
    expect(said).toContain('\n  apt-get install -y --no-install-recommends redis-server chromium\n');
  });

  it('tells what failed', async () => {
    const { said } = await install('case "$*" in *install*) echo "E: no such package" >&2; exit 100;; esac');
    expect(said).toContain('could not be installed');
    expect(said).toContain('E: no such package');
  });
});

describe('the stamp of a finished set-up', () => {
  const changes: [string, () => void][] = [
    ['the lockfile changes', () => write('package-lock.json', 'other')],
    ['packages were installed', () => write('node_modules/.package-lock.json', 'other')],
    ['a patch changes', () => write('workers/patches/0001-x.patch', 'other')],
    ['a patch comes', () => write('workers/patches/0002-y.patch', '')],
    ['the worker is gone', () => rmSync(join(root, 'worker'))],
    ['the worker was touched', () => utimesSync(join(root, 'worker'), 1, 1)],
  ];
  beforeEach(() => {
    write('package-lock.json', '');
    write('node_modules/.package-lock.json', '');
    write('workers/patches/0001-x.patch', '');
    write('worker', '');
    writeStamp(root, 'start', join(root, 'worker'));
  });

  it('holds while nothing changes, tests and notes apart, and for its own mode', () => {
    write('workers/x.test.ts', '');
    write('workers/README.md', '');
    expect(isStamped(root, 'start')).toBe(true);
    expect(isStamped(root, 'test')).toBe(false);
  });

  it.each(changes)('does not hold when %s', (_name, change) => {
    change();
    expect(isStamped(root, 'start')).toBe(false);
  });
});

describe('a meter', () => {
  function shown(isTTY: boolean, use: (meter: ReturnType<typeof createMeter>) => void): string {
    let text = '';
    use(createMeter('building', { quietMs: 0, stream: { isTTY, write: (part) => (text += part) } }));
    return text;
  }

  it('writes a line for each tenth where there is no terminal', () => {
    const text = shown(false, (meter) => {
      for (let percent = 0; percent <= 100; percent += 1) meter.update(percent);
      meter.done();
    });
    expect(text.split('\n').slice(0, 3)).toEqual(['building 0 %', 'building 10 %', 'building 20 %']);
    expect(text.trimEnd().split('\n')).toHaveLength(12);
    expect(text).toMatch(/building: 0\.\d s\n$/);
  });

  it('redraws one line on a terminal', () => {
    const text = shown(true, (meter) => meter.update(50));
    expect(text).toBe(`\r\x1b[Kbuilding [${'#'.repeat(15)}${'.'.repeat(15)}] 50 %`);
  });

  it('says nothing of a step that is quick', () => {
    let text = '';
    const meter = createMeter('building', { stream: { write: (part) => (text += part) } });
    meter.update(50);
    meter.done();
    expect(text).toBe('');
  });

  it.each([
    [1234, '1.2 s'],
    [185_413, '3 min 5 s'],
    [419_960, '7 min 0 s'],
  ])('%d ms is %s', (ms, text) => {
    expect(duration(ms)).toBe(text);
  });
});

describe('a command', () => {
  it('that fails tells both ends of its output, without the lines that were understood', async () => {
    const script =
      "console.log('cause'); for (let i = 0; i < 9999; i++) console.log(i % 2 ? 'noise' : 'note ' + i); console.log('end'); process.exitCode = 3";
    const failed = run(process.execPath, ['-e', script], { onLine: (line) => line === 'noise' });
    await expect(failed).rejects.toThrow(CommandFailed);
    const output = await failed.catch((error: unknown) =>
      error instanceof CommandFailed ? error.output : '',
    );
    expect(output).toMatch(/^cause\n/);
    expect(output).toContain('…');
    expect(output).toContain('end\n');
    expect(output).not.toContain('noise');
    expect(output.length).toBeLessThan(7000);
  });
});
