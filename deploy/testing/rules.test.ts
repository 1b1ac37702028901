import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { parse } from 'yaml';
import { startNode, type TestNode } from '../../src/e2e/harness/node.ts';

const text = readFileSync(new URL('../prometheus/rules.yaml', import.meta.url), 'utf8');
const rules: { alert: string; expr: string }[] = parse(text).groups.flatMap(
  (group: { rules: unknown }) => group.rules,
);

let node: TestNode;
let metrics: string;
beforeAll(async () => {
  node = await startNode();
  metrics = await (await fetch(new URL('/metrics', node.url.replace('ws', 'http')))).text();
}, 60_000);
afterAll(() => node?.close());

test.each(rules)('$alert: a node has what it is about from its start', ({ expr }) => {
  // Prometheus' own, of each target.
  const named = [...expr.matchAll(/\b(?:watershed|process)_\w+/g)].map(([name]) => name);
  if (named.length === 0) expect(expr).toMatch(/^up\b/);
  for (const name of named) expect(metrics).toMatch(new RegExp(`^# TYPE ${name} (counter|gauge)$`, 'm'));
});

test('the guide names every metric of a node, and none that there is not', () => {
  const guide = readFileSync(new URL('../README.md', import.meta.url), 'utf8');
  const named = new Set([...guide.matchAll(/watershed_\w+/g)].map(([name]) => name));
  const there = [...metrics.matchAll(/^# TYPE (watershed_\w+) /gm)].map(([, name = '']) => name);
  const ofClusters = [
    'watershed_pipe_leases',
    'watershed_pipe_leases_ended_total',
    'watershed_room_words_refused_total',
  ];
  expect([...named].toSorted()).toEqual([...there, ...ofClusters].toSorted());
});

/** What rules ask how much it grew: the first of its kind is seen only where the series stood at 0 before. */
const growing = rules.flatMap(({ alert, expr }) =>
  [...expr.matchAll(/\b(?:rate|increase)\((\w+)(?:\{(.*?)\})?\[/g)].map(([, name = '', labels = '']) => ({
    alert,
    name,
    labels: labels.split(',').filter((label) => label !== ''),
  })),
);

test('some rules are about what grew', () => {
  expect(growing.map(({ alert }) => alert)).toContain('WatershedPolicyForked');
});

test.each(growing)('$alert: $name begins at 0', ({ name, labels }) => {
  expect(metrics).toMatch(new RegExp(`^# TYPE ${name} counter$`, 'm'));
  const series = metrics.split('\n').filter((line) => line.startsWith(`${name}{`));
  const asked = series.filter((line) => labels.every((label) => line.includes(label)));
  expect(asked).not.toEqual([]);
  for (const line of asked) expect(line).toMatch(/ 0$/);
});
