import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { z } from 'zod';
import { converse } from '../e2e/harness/conversation.ts';
import { ClusterHome, directoryOf, httpOf, isAlive, type UpCluster } from '../e2e/harness/local-cluster.ts';
import { processorSeconds, workersOf } from '../e2e/harness/processes.ts';
import { waitFor } from '../testing/wait.ts';
import { run } from './testing/run.ts';

let home: ClusterHome;
beforeAll(() => {
  home = new ClusterHome();
});
afterAll(() => home.remove());

describe('cluster up', () => {
  let cluster: UpCluster;
  let spentSeconds = 0;

  beforeAll(async () => {
    cluster = await home.up();
    spentSeconds = processorSeconds([cluster.running.child.pid ?? 0, ...cluster.all]);
  });
  afterAll(async () => {
    cluster?.running.child.kill('SIGKILL');
    await cluster?.running.ended;
  });

  it('starts one node with one worker for each datacenter, and says where they are once they are ready', async () => {
    const places = cluster.nodes.map(({ datacenter, region }) => `${region}/${datacenter}`);
    expect(places).toEqual(['us/sjc', 'us/iad', 'eu/fra', 'eu/ams', 'hk/hkg', 'cn/sha', 'cn/tsn']);
    for (const node of cluster.nodes) {
      expect(await (await fetch(`${httpOf(node)}/readyz`)).json()).toEqual({
        ready: true,
        reasons: [],
        warnings: [],
      });
      expect(workersOf(node.pid)).toHaveLength(1);
    }
  });

  it('costs less than 15 s of processor time until then: what two cores do within 15 s, whatever else they do', () => {
    expect(spentSeconds).toBeGreaterThan(1);
    expect(spentSeconds).toBeLessThan(15);
  });

  it('is one cloud: any node answers for all, and one key, which `watershed token` finds, is good at each', async () => {
    const { stdout, stderr } = await run(['token', '--room', 'weekly', '--region', 'cn'], home.env);
    expect(stderr).toBe('');
    const token = stdout.trim();
    const urls = (names: readonly string[]) => names.map((name) => cluster.node(name).url);
    for (const node of cluster.nodes) {
      expect(await directoryOf(node, token)).toMatchObject({
        cloud: 'commercial',
        primaries: urls(['sha', 'tsn']).map((url) => ({ url })),
        secondaries: [{ region: expect.stringMatching(/^(hk|us)$/) }, { region: expect.anything() }],
      });
    }
    const said = await converse(cluster.node('sha').url, token, 'program');
    expect(said.status).toBe(101);
    said.close();
  });

  it('goes on without a node that is killed, which stays dead', async () => {
    const [killed, ...others] = cluster.nodes;
    if (killed === undefined) throw new Error('no node');
    process.kill(killed.pid, 'SIGKILL');
    await waitFor('its end', () => !isAlive(killed.pid));
    for (const node of others) expect((await fetch(`${httpOf(node)}/readyz`)).status).toBe(200);
    await expect(fetch(httpOf(killed))).rejects.toThrow();
  });

  it('ends at `cluster down`, with everything that it started', async () => {
    expect(await run(['cluster', 'down'], home.env)).toMatchObject({ code: 0 });
    const { code, stdout } = await cluster.running.ended;
    expect(code).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(1);
    await waitFor('every process to end', () => !cluster.all.some(isAlive));
    expect(home.leftovers()).toEqual([]);
    expect(await run(['cluster', 'down'], home.env)).toMatchObject({ code: 1 });
  });
});

it.each(['SIGTERM', 'SIGKILL'] as const)(
  'ends everything when %s ends it',
  async (signal) => {
    const cluster = await home.up(['--policy', 'config/policies/government.yaml']);
    expect(cluster.all.length).toBeGreaterThan(8);
    cluster.running.child.kill(signal);
    const { code } = await cluster.running.ended;
    await waitFor('every process to end', () => !cluster.all.some(isAlive));
    if (signal === 'SIGTERM') {
      expect(code).toBe(0);
      expect(home.leftovers()).toEqual([]);
    }
  },
  60_000,
);

it('ends when npx, which passes no signal on, is gone', async () => {
  // As npx does: a shell in between, which dies of the signal.
  const script = `${JSON.stringify(process.execPath)} src/cli/watershed.mjs cluster up --json --policy config/policies/government.yaml; true`;
  const env = { PATH: process.env.PATH, HOME: process.env.HOME, ...home.env, npm_command: 'exec' };
  const shell = spawn('sh', ['-c', script], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const gone = once(shell, 'exit');
  const [line] = await once(shell.stdout, 'data');
  const { nodes } = z.object({ nodes: z.array(z.object({ pid: z.int() })) }).parse(JSON.parse(String(line)));
  shell.kill('SIGTERM');
  await gone;
  await waitFor('every node to end', () => !nodes.some(({ pid }) => isAlive(pid)));
}, 60_000);

it('refuses a policy that fails its check, and says where', async () => {
  const file = 'config/policies/zoom-2020-february.yaml';
  const { code, stdout, stderr } = await run(['cluster', 'up', '--json', '--policy', file], home.env);
  expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
  expect(stderr).toContain(`${file}:17:61: us client → sjc, iad unreachable → secondary sha`);
});

it('replays February 2020: refused by the check, and with that off by the door', async () => {
  const { code, stdout, stderr } = await run(['cluster', 'replay', 'february-2020'], home.env);
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
  expect(stdout).toContain('Refused: 4 violations');
  expect(stdout).toMatch(/^ {5}(sha|tsn) {2}403 region_not_admitted \(admits\), sent on to/m);
  expect(stdout).not.toMatch(/^ {5}(sha|tsn) {2}101/m);
  // Those of the cluster that was killed before are gone as well.
  expect(home.leftovers()).toEqual([]);
}, 90_000);
