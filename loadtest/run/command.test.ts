import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { waitFor } from '../../src/testing/wait.ts';
import { readResult } from '../report/read.ts';

// The command as people run it, in a process group of its own, as a terminal makes one.
const COMMAND = join(import.meta.dirname, '..', 'loadtest.mjs');
const POLICY = join(import.meta.dirname, '..', '..', 'config', 'policies', 'government.yaml');
const SCENARIO = `name: hand-check
about: Two people of one region, for longer than anybody waits.
policy: ${POLICY}
interval: 0.5
rooms:
  - name: room
    members:
      - { count: 2, region: gov-east, publish: [microphone, camera] }
phases:
  - { name: join, seconds: 1, present: 1 }
  - { name: talk, seconds: 600 }
thresholds: { joined: 1 }
`;

/** Marks every process that a test starts, in its environment, which children inherit. */
const MARK = 'LOADTEST_TEST_RUN';
let dir = '';
let mark = '';

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'watershed-command-'));
});
afterEach(() => {
  for (const { pid } of started()) process.kill(pid, 'SIGKILL');
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** What runs of what the last {@link start} began, itself included. */
function started(): { pid: number; command: string }[] {
  if (mark === '') return [];
  return readdirSync('/proc').flatMap((name) => {
    try {
      if (!/^\d+$/.test(name) || !readFileSync(`/proc/${name}/environ`, 'latin1').includes(mark)) return [];
      const command = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ');
      return command === '' ? [] : [{ pid: Number(name), command }];
    } catch {
      return [];
    }
  });
}

/** `loadtest` with these arguments. */
function start(...args: string[]) {
  mark = `${MARK}=${randomUUID()}`;
  const env = { ...process.env, [MARK]: mark.slice(MARK.length + 1) };
  const stdio = ['ignore', 'pipe', 'pipe'] as const;
  const child = spawn(process.execPath, [COMMAND, ...args], { env, stdio: [...stdio], detached: true });
  let [out, err] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk;
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk;
  });
  const closed = once(child, 'close');
  return {
    pid: child.pid ?? 0,
    /** What it has said until now on stderr. */
    err: () => err,
    async end() {
      const [code] = await closed;
      return { code, out, err };
    },
  };
}

function scenarioFile(text: string): string {
  const file = join(dir, `${randomUUID()}.yaml`);
  writeFileSync(file, text);
  return file;
}

describe('what cannot be used is told in a line, with exit code 2 and nothing started', () => {
  test.each<[string, () => string[], RegExp]>([
    [
      'no scenario',
      () => [],
      /^--scenario FILE is missing, such as loadtest\/scenarios\/meeting-4x4\.yaml\n$/,
    ],
    [
      'an option that is not known',
      () => ['--sekonds', '4'],
      /^error: unknown option '--sekonds'\n.*--seconds/,
    ],
    [
      'a file that is not there',
      () => ['--scenario', '/nowhere.yaml'],
      /^\/nowhere\.yaml:1:1: cannot be read \(ENOENT\)\n$/,
    ],
    [
      'a misspelt key',
      () => ['--scenario', scenarioFile(SCENARIO.replace('phases:', 'fases:'))],
      /^(?=[\s\S]*:9:1: .* no key "fases"; did you mean "phases"\?\n)[\s\S]*:1:1: .*phases is missing\n/,
    ],
    ['what is no YAML', () => ['--scenario', scenarioFile('name: [')], /^\/\S+\.yaml:1:8: .+\n$/],
    [
      'a threshold of no source',
      () => ['--scenario', scenarioFile(SCENARIO.replace('joined: 1', 'least: { screne: 1 }'))],
      /^\/\S+\.yaml:12:\d+: .*screne.*\n$/,
    ],
    [
      'a report that cannot be written',
      () => ['--scenario', scenarioFile(SCENARIO), '--json', '/nowhere/x.json'],
      /^\/nowhere\/x\.json: the directory is not there, or cannot be written to\n$/,
    ],
    [
      'a target that nobody listens at',
      () => ['--scenario', scenarioFile(SCENARIO), '--target', 'http://127.0.0.1:1'],
      /^http:\/\/127\.0\.0\.1:1 cannot be reached \(.+\): is a node running there\?\n$/,
    ],
  ])(
    '%s',
    async (_what, args, words) => {
      const { code, out, err } = await start(...args()).end();
      expect(err).toMatch(words);
      expect([code, out]).toEqual([2, '']);
      expect(started()).toEqual([]);
    },
    60_000,
  );
});

describe('a run of its own cluster', () => {
  const files = () => ({ json: join(dir, `${randomUUID()}.json`), html: join(dir, `${randomUUID()}.html`) });

  /** Running, with both people in. */
  async function running({ json, html }: { json: string; html: string }) {
    const run = start('--scenario', scenarioFile(SCENARIO), '--json', json, '--html', html);
    await waitFor('both people', () => / talk {2}2 participants {2}[1-9]/.test(run.err()), 60_000);
    return run;
  }

  test('that Ctrl-C ends reports what was measured until then, and leaves nothing running', async () => {
    const { json, html } = files();
    const run = await running({ json, html });
    process.kill(-run.pid, 'SIGINT');
    const { code, out, err } = await run.end();
    expect(code).toBe(130);
    expect(err).toContain('ending: reading the last figures and stopping what was started');
    expect(out).toMatch(/^\d+ forbidden attempts made, 0 admitted.*\nINTERRUPTED: hand-check, /);
    expect(readResult(json)).toMatchObject({ outcome: 'interrupted', totals: { joined: 2 } });
    expect(readResult(json).totals.packets).toBeGreaterThan(0);
    expect(readFileSync(html, 'utf8')).toContain('interrupted: a part of the run');
    expect(started()).toEqual([]);
  }, 120_000);

  test('that Ctrl-C ends while the cluster starts says so, and leaves nothing running', async () => {
    const { json, html } = files();
    const run = start('--scenario', scenarioFile(SCENARIO), '--json', json, '--html', html);
    await waitFor('a node', () => started().some(({ command }) => /cluster up/.test(command)), 60_000);
    process.kill(-run.pid, 'SIGINT');
    const { code, out, err } = await run.end();
    expect([code, out]).toEqual([130, '']);
    expect(err).toContain('interrupted before anything was measured');
    expect(existsSync(json)).toBe(false);
    expect(started()).toEqual([]);
  }, 120_000);

  test('whose node dies says which, reports what was measured until then, and leaves nothing running', async () => {
    const { json, html } = files();
    const run = await running({ json, html });
    const node = started().find(({ command }) => command.includes('/node.mjs '));
    process.kill(node?.pid ?? 0, 'SIGKILL');
    const { code, out } = await run.end();
    expect(code).toBe(1);
    expect(out).toContain('BROKEN: hand-check, ');
    expect(out).toMatch(
      new RegExp(`because {7}\\S+ \\(process ${node?.pid}\\) died at [\\d.]+ s, and nobody asked it to\n`),
    );
    expect(readResult(json)).toMatchObject({ outcome: 'broken', totals: { joined: 2 } });
    expect(readFileSync(html, 'utf8')).toContain('could not go on: a part of the run');
    expect(started()).toEqual([]);
  }, 120_000);
});
