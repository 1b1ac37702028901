import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { run } from '../cli/testing/run.ts';
import { MemoryRegistry } from '../registry/memory.ts';
import { freePort } from '../testing/free-port.ts';
import { waitFor } from '../testing/wait.ts';
import { generateSigningKey } from '../tokens/keys.ts';
import { converse } from './harness/conversation.ts';
import { startNode, type TestNode } from './harness/node.ts';
import { localPolicy } from './harness/policies.ts';

/** What real nodes recorded, through drafts of another day: `policy replay` reads their logs as they are. */
const POLICIES = new URL('../../config/policies/', import.meta.url).pathname;
const FEBRUARY = join(POLICIES, 'zoom-2020-february.yaml');

const registry = new MemoryRegistry();
let nodes: TestNode[] = [];
let dir: string;
let records: string;

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'watershed-replay-'));
  records = join(dir, 'decisions.jsonl');
  const key = generateSigningKey();
  const ports = new Map<string, number>();
  for (const datacenter of ['sha', 'fra']) ports.set(datacenter, await freePort());
  const urls = Object.fromEntries([...ports].map(([name, port]) => [name, `ws://127.0.0.1:${port}`]));
  const policy = localPolicy('policies/zoom-2020.yaml', urls);
  for (const [datacenter, port] of ports) {
    nodes.push(await startNode({ datacenter, port, policy, registry, key }));
  }
  const [sha, fra] = nodes;
  if (sha === undefined || fra === undefined) throw new Error('no nodes');
  const join1 = {
    type: 'request',
    id: 1,
    method: 'join',
    data: { displayName: 'Ann', rtpCapabilities: { codecs: [], headerExtensions: [] } },
  };
  for (const [node, region, status] of [
    [sha, 'us', 403],
    [sha, 'eu', 403],
    [sha, 'cn', 101],
    [fra, 'us', 101],
    [fra, 'cn', 403],
  ] as const) {
    const token = await node.token({ room: `replay-${region}`, region });
    const said = await converse(node.url, token, 'program', status === 101 ? { requests: [join1] } : {});
    expect(said.status).toBe(status);
    if (status === 101)
      await waitFor('the answer', () => said.frames.some((frame) => frame.includes('"id":1')));
    said.close();
  }
  writeFileSync(records, nodes.map((node) => node.log()).join(''));
});
afterAll(async () => {
  await Promise.all(nodes.map((node) => node.close()));
  nodes = [];
  await registry.close();
  rmSync(dir, { recursive: true, force: true });
});

it('the policy that they ran, and February’s, would have decided the same: routes cannot widen fences', async () => {
  for (const draft of [join(POLICIES, 'zoom-2020.yaml'), FEBRUARY]) {
    const { code, stdout } = await run(['policy', 'replay', draft, records, '--json']);
    expect(code).toBe(0);
    const { judged, flips } = JSON.parse(stdout);
    expect(judged).toBeGreaterThan(5);
    expect(flips).toEqual([]);
  }
});

it('February’s with the fence opened, so that it passes its check, would have admitted us and eu at sha', async () => {
  const draft = join(dir, 'opened.yaml');
  writeFileSync(draft, readFileSync(FEBRUARY, 'utf8').replace('admits: [cn]', 'admits: any'));
  expect((await run(['policy', 'check', draft])).code).toBe(0);
  const { code, stdout } = await run(['policy', 'replay', draft, records]);
  expect(code).toBe(3);
  const opened = stdout.split('\n').filter((line) => line.startsWith('+'));
  expect(opened.map((line) => line.replace(/^.*?:\d+: /, ''))).toEqual([
    'upgrade of us at sha: redirect → admit (admitted)',
    'upgrade of eu at sha: redirect → admit (admitted)',
  ]);
});
