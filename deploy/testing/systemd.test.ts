import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import { loadNodeConfig } from '../../src/config/load.ts';

const UNIT = readFileSync(new URL('../systemd/watershed.service', import.meta.url), 'utf8');
const hasSystemd = spawnSync('systemd-analyze', ['--version']).status === 0;

/** What systemd says of a unit: it goes on without the lines that it does not understand, and ends with 0 all the same. */
function verify(unit: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'watershed-unit-'));
  try {
    const file = join(dir, 'watershed.service');
    // Node may live elsewhere on the machine that tests.
    writeFileSync(file, unit.replace('/usr/bin/node', process.execPath));
    const { stdout, stderr, error } = spawnSync('systemd-analyze', ['verify', file], {
      encoding: 'utf8',
      timeout: 20_000,
    });
    if (error) throw error;
    return stdout + stderr;
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

describe.skipIf(!hasSystemd)('the systemd unit', () => {
  it('is understood by systemd, every line', () => {
    expect(verify(UNIT)).toBe('');
  });

  it('would not be, with a key or a value that there is none of', () => {
    expect(verify(UNIT.replace('NoNewPrivileges=', 'NoNewPrivilegs='))).toContain('NoNewPrivilegs');
    expect(verify(UNIT.replace('Restart=on-failure', 'Restart=sometimes'))).toContain('sometimes');
  });
});

describe('the example of a node', () => {
  const file = fileURLToPath(new URL('../systemd/node.yaml', import.meta.url));
  const config = loadNodeConfig({ file, env: {} });

  it('is a configuration for production, with one key for the lists of all nodes', () => {
    expect(config).toMatchObject({ mode: 'production', node: { cloud: 'commercial', datacenter: 'fra' } });
    expect(config.directory.keyFile).not.toBe(null);
  });

  it('puts nothing where the unit lets nothing be written', () => {
    expect(config.policy.stateDir).toMatch(/^\/var\/lib\/watershed\//);
    expect(config.drain.socket).toMatch(/^\/run\/watershed\//);
    expect(UNIT).toMatch(/^StateDirectory=watershed$/m);
    expect(UNIT).toMatch(/^RuntimeDirectory=watershed$/m);
  });
});
