import { type ExecFileSyncOptions, execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { cpus, loadavg, release, totalmem } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import { packageVersion } from '../../src/version.ts';
import type { RunResult } from '../report/result.ts';

/** The machine that everything ran on. */
export function thisMachine(): RunResult['machine'] {
  const processors = cpus();
  return {
    cpu: processors[0]?.model.trim() ?? 'unknown',
    cores: processors.length,
    memory: totalmem(),
    kernel: release(),
    system: systemName(),
    load: Math.round((loadavg()[0] ?? 0) * 100) / 100,
  };
}

const versionSchema = z.object({ version: z.string() });

/** What ran: by name. */
export function versionsOf(engine: string): Record<string, string> {
  const { resolve } = createRequire(import.meta.url);
  const version = (name: string): string => {
    try {
      // Some packages export no package.json: it is looked for where they are.
      const paths = resolve.paths(name) ?? [];
      const file = paths.map((path) => join(path, name, 'package.json')).find((path) => existsSync(path));
      return versionSchema.parse(JSON.parse(readFileSync(file ?? '', 'utf8'))).version;
    } catch {
      return '?';
    }
  };
  return {
    watershed: `${packageVersion()}${commit()}`,
    mediasoup: version('mediasoup'),
    'mediasoup-client': version('mediasoup-client'),
    node: process.versions.node,
    generator: engine === 'javascript' ? `node-datachannel ${version('node-datachannel')}` : engine,
  };
}

function systemName(): string {
  try {
    return /^PRETTY_NAME="?([^"\n]*)/m.exec(readFileSync('/etc/os-release', 'utf8'))?.[1] ?? process.platform;
  } catch {
    return process.platform;
  }
}

/** The checkout's commit, where it is one and git is there. */
function commit(): string {
  try {
    const options: ExecFileSyncOptions = { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'ignore'] };
    const head = execFileSync('git', ['rev-parse', '--short=10', 'HEAD'], options).toString().trim();
    const changed = execFileSync('git', ['status', '--porcelain'], options).toString().trim() !== '';
    return ` (${head}${changed ? ', changed' : ''})`;
  } catch {
    return '';
  }
}
