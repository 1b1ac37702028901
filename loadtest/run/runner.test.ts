import { spawn } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { waitFor } from '../../src/testing/wait.ts';
import { reportOf } from '../report/html.ts';
import { type RunResult, resultSchema } from '../report/result.ts';
import { parseScenario, type Scenario } from '../scenario/load.ts';
import { openRemote } from '../target/remote.ts';
import type { Target } from '../target/target.ts';
import type { Progress } from './progress.ts';
import { runScenario } from './runner.ts';
import { startLocalTarget } from './testing/local-target.ts';

const FILE = join(import.meta.dirname, '..', 'scenarios', 'test.yaml');
const targets: Target[] = [];

afterEach(async () => {
  for (const target of targets.splice(0)) await target.close();
});

function scenario(phases: string, thresholds = '{ joined: 1, loss: 0.001 }'): Scenario {
  return parseScenario(
    `
name: test
policy: ../../config/policies/zoom-2020.yaml
interval: 0.5
rooms:
  - name: room
    members:
      - { count: 2, region: eu, publish: [microphone, camera] }
phases:
${phases}
thresholds: ${thresholds}
`,
    FILE,
  );
}

async function localTarget(options: Parameters<typeof startLocalTarget>[0]): Promise<Target> {
  const target = await startLocalTarget(options);
  targets.push(target);
  return target;
}

async function run(
  options: { scenario: Scenario; target: Target; signal?: AbortSignal },
  lines: string[] = [],
): Promise<RunResult> {
  const progress: Progress = {
    line: (text) => void lines.push(text),
    point: ({ participants }) => void lines.push(`${participants} participants`),
    close: () => undefined,
  };
  const { signal = new AbortController().signal } = options;
  const result = await runScenario({ ...options, signal, progress, agents: 1 });
  expect(generators()).toEqual([]);
  return resultSchema.parse(JSON.parse(JSON.stringify(result)));
}

/** Agents that are children of this process. */
function generators(): string[] {
  return readdirSync('/proc').filter((pid) => {
    try {
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const command = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
      return parent === String(process.pid) && state !== 'Z' && command.includes('agent.mjs');
    } catch {
      return false;
    }
  });
}

/** The second one comes when the first is heard, however busy the machine: only then there is a first packet. */
const SHORT = `
  - { name: first, seconds: 6, present: 0.5 }
  - { name: join, seconds: 2, present: 1 }
  - { name: talk, seconds: 4 }
  - { name: leave, seconds: 1, present: 0 }`;

describe('a run', () => {
  test('measures real media, tries every door, and passes', async () => {
    const target = await localTarget({ datacenters: ['fra', 'sha'] });
    const result = await run({ scenario: scenario(SHORT), target });
    expect(result.reasons).toEqual([]);
    expect(result.outcome).toBe('passed');
    expect(result.totals).toMatchObject({ joins: 2, joined: 2, lost: 0, most: 2 });
    // Two microphones at 50 packets/s and two cameras, for four seconds.
    expect(result.totals.packets).toBeGreaterThan(300);
    expect(result.pairs.map(({ from, to }) => [from, to])).toEqual([['eu', 'eu']]);
    expect(result.distributions.firstPacket.count).toBeGreaterThan(0);
    expect(result.distributions.latency.count).toBeGreaterThan(200);
    const { isolation } = result;
    expect(isolation).toMatchObject({ admitted: 0, admissions: [] });
    expect(isolation.attempts).toBeGreaterThan(80);
    expect(isolation.refused).toBeGreaterThan(80);
    expect(isolation.controls.admitted).toBeGreaterThan(0);
    expect(isolation.kinds.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining([
        'fence',
        'fence-lie',
        'address-claims',
        'address-forbids',
        'token-none',
        'token-expired',
        'redirect-other-key',
        'media-password',
      ]),
    );
    expect(result.series.at(-1)?.participants).toBe(0);
    expect(reportOf(result)).toContain('<p class="fence ">');
  }, 60_000);

  test('with a broken node that admits everyone turns red', async () => {
    const target = await localTarget({ datacenters: ['fra', 'sha'], broken: 'sha' });
    const phases = '  - { name: join, seconds: 1, present: 1 }';
    const result = await run({ scenario: scenario(phases, '{ joined: 1 }'), target });
    expect(result.outcome).toBe('failed');
    expect(result.reasons[0]).toMatch(/^\d+ forbidden attempts were admitted$/);
    const admitted = new Map(result.isolation.kinds.map(({ kind, admitted: times }) => [kind, times]));
    for (const kind of [
      'fence',
      'fence-lie',
      'address-claims',
      'token-none',
      'token-other-key',
      'token-expired',
      'token-missing',
    ])
      expect(admitted.get(kind), kind).toBeGreaterThan(0);
    // The directory of a node that takes the fence for open leads others there, too.
    expect(admitted.get('fence-directory')).toBeGreaterThan(0);
    expect(result.isolation.admissions.some(({ what }) => what.includes('sha'))).toBe(true);
    expect(result.isolation.admissions.some(({ what }) => what.includes('at fra'))).toBe(false);
    expect(reportOf(result)).toContain('class="fence broken"');
  }, 60_000);

  test('whose node dies, or that is interrupted, ends with what was measured until then', async () => {
    const target = await localTarget({ datacenters: ['fra'] });
    const long = scenario('  - { name: join, seconds: 1, present: 1 }\n  - { name: talk, seconds: 600 }');
    const process = spawn('sleep', ['600'], { stdio: 'ignore' });
    const mortal = { ...target, nodes: target.nodes.map((node) => ({ ...node, pid: process.pid ?? null })) };
    const lines: string[] = [];
    const dying = run({ scenario: long, target: mortal }, lines);
    await waitFor('participants', () => lines.includes('2 participants'));
    process.kill('SIGKILL');
    const died = await dying;
    expect(died.outcome).toBe('broken');
    expect(died.reasons[0]).toMatch(/^fra \(process \d+\) died at [\d.]+ s, and nobody asked it to$/);
    expect(died.totals.packets).toBeGreaterThan(0);

    const ending = new AbortController();
    const again: string[] = [];
    const interrupted = run({ scenario: long, target, signal: ending.signal }, again);
    await waitFor('participants', () => again.includes('2 participants'));
    ending.abort();
    expect(await interrupted).toMatchObject({ outcome: 'interrupted', totals: { joined: 2 } });
  }, 60_000);
});

describe('a target', () => {
  const open = (url: string) =>
    openRemote({ url, regions: ['eu'], policy: null, signal: new AbortController().signal });

  test('that is not there is told at once', async () => {
    await expect(open('http://127.0.0.1:1')).rejects.toThrow(
      /^http:\/\/127\.0\.0\.1:1 cannot be reached \(.*\): is a node running there\?$/,
    );
  });

  test('that is no URL is told at once', async () => {
    await expect(open('fra')).rejects.toThrow(
      '--target fra: not a URL; write http://HOST:PORT or https://HOST',
    );
    await expect(open('ftp://x')).rejects.toThrow('--target ftp://x: write http://HOST:PORT or https://HOST');
  });
});
