import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { converse } from '../e2e/harness/conversation.ts';
import { workersOf } from '../e2e/harness/processes.ts';
import { directoryAnswerSchema } from '../protocol/directory.ts';
import { waitFor } from '../testing/wait.ts';
import { type Running, run, start } from './testing/run.ts';

const upSchema = z.strictObject({
  nodes: z.array(
    z.strictObject({
      id: z.string(),
      datacenter: z.string(),
      region: z.string(),
      url: z.string().regex(/^ws:\/\/127\.0\.0\.1:\d+$/),
      pid: z.int().positive(),
    }),
  ),
  redis: z.string().regex(/^redis:\/\/127\.0\.0\.1:\d+$/),
});
type Up = z.infer<typeof upSchema>;

let runtime: string;
let env: Record<string, string>;

beforeAll(() => {
  runtime = mkdtempSync(join(tmpdir(), 'cluster-cli-'));
  env = { XDG_RUNTIME_DIR: runtime, TMPDIR: runtime };
});
afterAll(() => rmSync(runtime, { recursive: true, force: true }));

async function up(...args: string[]): Promise<Up & { running: Running; all: number[] }> {
  const running = start(['cluster', 'up', '--json', ...args], env);
  const [line] = await running.wrote(/^.*\n/);
  const cluster = upSchema.parse(JSON.parse(line));
  const nodes = cluster.nodes.map(({ pid }) => pid);
  const all = [...childrenOf(running.child.pid ?? 0), ...nodes, ...nodes.flatMap(workersOf)];
  return { ...cluster, running, all };
}

function childrenOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name) && parentOf(name) === parent)
    .map(Number);
}

function parentOf(pid: string): number | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
  } catch {
    return null;
  }
}

function isAlive(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

/** Nothing that the cluster started is left, neither processes nor files. */
async function gone(all: readonly number[]): Promise<void> {
  await waitFor('every process to end', () => !all.some(isAlive));
  expect(readdirSync(runtime).filter((name) => name.startsWith('watershed-cluster-'))).toEqual([]);
}

const ready = async (url: string) => (await fetch(`${url.replace(/^ws/, 'http')}/readyz`)).status;

describe('cluster up', () => {
  let cluster: Awaited<ReturnType<typeof up>>;

  beforeAll(async () => {
    cluster = await up();
  });
  afterAll(async () => {
    cluster.running.child.kill('SIGKILL');
    await cluster.running.ended;
  });

  it('starts one node with one worker for each datacenter, and says where they are once they are ready', async () => {
    const places = cluster.nodes.map(({ datacenter, region }) => `${region}/${datacenter}`);
    expect(places).toEqual(['us/sjc', 'us/iad', 'eu/fra', 'eu/ams', 'hk/hkg', 'cn/sha', 'cn/tsn']);
    for (const { url, pid } of cluster.nodes) {
      expect(await ready(url)).toBe(200);
      expect(workersOf(pid)).toHaveLength(1);
    }
  });

  it('has one key for the tokens of all its nodes, which `watershed token` finds', async () => {
    const { stdout, stderr } = await run(['token', '--room', 'weekly', '--region', 'cn'], env);
    expect(stderr).toBe('');
    for (const { url } of cluster.nodes) {
      const answer = await fetch(`${url.replace(/^ws/, 'http')}/v1/directory`, {
        method: 'POST',
        headers: { authorization: `Bearer ${stdout.trim()}` },
      });
      expect([200, 503]).toContain(answer.status);
      if (answer.status !== 200) continue;
      const { cloud, primaries } = directoryAnswerSchema.parse(await answer.json());
      expect(cloud).toBe('commercial');
      for (const entry of primaries) expect(cluster.nodes.map((node) => node.url)).toContain(entry.url);
    }
    const [sha] = cluster.nodes.filter(({ datacenter }) => datacenter === 'sha');
    const said = await converse(sha?.url ?? '', stdout.trim(), 'program');
    expect(said.status).toBe(101);
    said.close();
  });

  it('goes on without a node that is killed, which stays dead', async () => {
    const [killed, ...others] = cluster.nodes;
    process.kill(killed?.pid ?? 0, 'SIGKILL');
    await waitFor('its end', () => !isAlive(killed?.pid ?? 0));
    for (const { url } of others) expect(await ready(url)).toBe(200);
    await expect(ready(killed?.url ?? '')).rejects.toThrow();
  });

  it('ends at `cluster down`, and everything that it started', async () => {
    expect(await run(['cluster', 'down'], env)).toMatchObject({ code: 0 });
    const { code, stdout } = await cluster.running.ended;
    expect(code).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(1);
    await gone(cluster.all);
    expect(await run(['cluster', 'down'], env)).toMatchObject({ code: 1 });
  });
});

it.each(['SIGTERM', 'SIGKILL'] as const)('ends everything when %s ends it', async (signal) => {
  const cluster = await up('--policy', 'config/policies/government.yaml');
  expect(cluster.all.length).toBeGreaterThan(2);
  cluster.running.child.kill(signal);
  const { code } = await cluster.running.ended;
  if (signal === 'SIGTERM') {
    expect(code).toBe(0);
    await gone(cluster.all);
  } else await waitFor('every process to end', () => !cluster.all.some(isAlive));
});

it('refuses a policy that fails its check, and says where', async () => {
  const file = 'config/policies/zoom-2020-february.yaml';
  const { code, stdout, stderr } = await run(['cluster', 'up', '--json', '--policy', file], env);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain(`${file}:17:61: us client → sjc, iad unreachable → secondary sha`);
});
