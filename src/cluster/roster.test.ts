import { Registry as MetricsRegistry } from 'prom-client';
import { beforeEach, describe, expect, test } from 'vitest';
import { plainSealer } from '../identity/sealer.ts';
import type { NodeEntry } from '../registry/port.ts';
import { createRejectionReporter } from './rejections.ts';
import { CACHE_MS, createRoster, type RejectedNode } from './roster.ts';
import { entryOf, nodeOf, withPolicy, zoom2020 } from './testing/door.ts';

const p = zoom2020();
let entries: NodeEntry[] = [];
let asked: string[][] = [];
let answer: () => Promise<void> = async () => {};
let now = 0;
beforeEach(() => {
  entries = [entryOf(nodeOf(p, 'sjc')), entryOf(nodeOf(p, 'fra'))];
  asked = [];
  answer = async () => {};
  now = 0;
});

const registry = {
  async nodes(datacenters: readonly string[]) {
    asked.push([...datacenters]);
    await answer();
    return entries.filter(({ datacenter }) => datacenters.includes(datacenter));
  },
  find: async () => entries,
};
const create = (onRejected: (node: RejectedNode) => void = () => {}) =>
  createRoster({ registry, sealer: plainSealer(), onRejected, now: () => now });

describe('the roster', () => {
  test('asks for what it needs, in one question', async () => {
    const { nodes, rejected } = await create().read(p, ['fra', 'sjc', 'sjc']);
    expect(nodes).toEqual([nodeOf(p, 'fra'), nodeOf(p, 'sjc')]);
    expect(rejected).toEqual([]);
    expect(asked).toEqual([['fra', 'sjc']]);
  });

  test('asks nothing of datacenters that the policy does not know', async () => {
    expect(await create().read(p, ['lhr'])).toEqual({ nodes: [], rejected: [] });
    expect(asked).toEqual([]);
  });

  test('many questions at once, and soon after, cost one reading', async () => {
    const roster = create();
    await Promise.all(Array.from({ length: 100 }, () => roster.read(p, ['sjc', 'fra'])));
    now = CACHE_MS - 1;
    await roster.read(p, ['sjc', 'iad']);
    expect(asked).toEqual([['sjc', 'fra'], ['iad']]);
    now = CACHE_MS;
    entries = [];
    expect((await roster.read(p, ['sjc'])).nodes).toEqual([]);
    expect(asked).toHaveLength(3);
  });

  test('a failure is told to all who waited, and the next question is asked again', async () => {
    const roster = create();
    answer = () => Promise.reject(new Error('down'));
    const both = await Promise.allSettled([roster.read(p, ['sjc']), roster.read(p, ['sjc'])]);
    expect(both.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    expect(asked).toHaveLength(1);
    answer = async () => {};
    expect((await roster.read(p, ['sjc'])).nodes).toHaveLength(1);
  });

  test('what was read under another policy is judged anew', async () => {
    const roster = create();
    await roster.read(p, ['sjc']);
    const moved = withPolicy(p, {
      version: 13,
      datacenters: new Map(
        [...p.policy.datacenters].map(([name, d]) => [name, { ...d, url: `wss://${name}.example.org` }]),
      ),
    });
    expect(await roster.read(moved, ['sjc'])).toMatchObject({
      nodes: [],
      rejected: [{ id: 'node-sjc', datacenter: 'sjc', reason: 'record_url' }],
    });
  });

  test('rejects what is not what it should be, and keeps the rest', async () => {
    entries = [
      entryOf(nodeOf(p, 'sjc', { id: 'good' })),
      entryOf(nodeOf(p, 'sjc', { id: 'url', url: 'wss://sha.example.net' })),
      entryOf(nodeOf(p, 'sjc', { id: 'link', link: 'nowhere' })),
      { ...entryOf(nodeOf(p, 'sha')), datacenter: 'sjc' },
      { ...entryOf(nodeOf(p, 'sjc', { id: 'body' })), body: 'x' },
    ];
    const told: RejectedNode[] = [];
    const { nodes, rejected } = await create((node) => told.push(node)).read(p, ['sjc']);
    expect(nodes.map(({ id }) => id)).toEqual(['good']);
    expect(Object.fromEntries(rejected.map(({ id, reason }) => [id, reason]))).toEqual({
      url: 'record_url',
      link: 'record_link',
      'node-sha': 'record_misplaced',
      body: 'record_malformed',
    });
    expect(told).toEqual(rejected);
    expect((await create().find(p, [])).nodes.map(({ id }) => id)).toEqual(['good']);
  });
});

test('each rejection is counted, and logged once for a node and reason', async () => {
  const metrics = new MetricsRegistry();
  const lines: object[] = [];
  const report = createRejectionReporter({ logger: { warn: (fields) => lines.push(fields) }, metrics });
  const node = { id: 'a', datacenter: 'sjc', reason: 'record_url' } as const;
  for (let i = 0; i < 3; i++) report(node);
  report({ ...node, reason: 'record_replayed' });
  expect(lines).toEqual([
    { rejected: 'sjc/a', reason: 'record_url' },
    { rejected: 'sjc/a', reason: 'record_replayed' },
  ]);
  for (let i = 0; i < 5000; i++) report({ ...node, id: `rubbish-${i}` });
  expect(lines.length).toBeLessThanOrEqual(1001);
  const text = await metrics.metrics();
  expect(text).toContain('watershed_registry_records_rejected_total{reason="record_url"} 5003');
  expect(text).toContain('watershed_registry_records_rejected_total{reason="record_replayed"} 1');
});
