import { describe, expect, test } from 'vitest';
import type { NodeRecord } from '../registry/port.ts';
import { livenessOf } from './liveness.ts';
import type { RejectedNode } from './roster.ts';
import { nodeOf, zoom2020 } from './testing/door.ts';

const p = zoom2020();
const liveOf = (nodes: NodeRecord[], rejected: RejectedNode[] = []) => livenessOf(p, { nodes, rejected });

describe('several nodes of a datacenter', () => {
  const node = (id: string, load: number) =>
    nodeOf(p, 'sjc', { id, load, url: `wss://${id}.sjc.example.net` });

  test('the less loaded is preferred', () => {
    const live = liveOf([node('a', 0.9), node('b', 0.1), node('c', 0.6)]);
    expect(live.urlsFor('sjc', 'room')).toEqual(['wss://b.sjc.example.net', 'wss://c.sjc.example.net']);
  });

  test("one room's members meet at one of those that are about equal; rooms spread", () => {
    const live = liveOf([node('a', 0.1), node('b', 0.15), node('c', 0.2)]);
    const urls = new Set<string | undefined>();
    for (let i = 0; i < 100; i++) {
      const [url, sibling, ...more] = live.urlsFor('sjc', `room-${i}`);
      expect(live.urlsFor('sjc', `room-${i}`)).toEqual([url, sibling]);
      expect([sibling === url, more]).toEqual([false, []]);
      urls.add(url);
    }
    expect(urls.size).toBe(3);
  });

  test('one without statistics comes last, and is better than none', () => {
    const [a, b] = [node('a', Number.NaN), node('b', 1)];
    expect(liveOf([a, b]).urlsFor('sjc', 'r')).toEqual([b.url, a.url]);
    expect(liveOf([a]).urlsFor('sjc', 'r')).toEqual([a.url]);
  });

  test('two that are reached at one URL are no two to ask', () => {
    const shared = [node('a', 0.1), { ...node('b', 0.1), url: node('a', 0).url }];
    expect(liveOf(shared).urlsFor('sjc', 'r')).toEqual(['wss://a.sjc.example.net']);
  });
});

test('a datacenter without a ready and accepting node is not live, and has no URL', () => {
  const live = liveOf([
    nodeOf(p, 'sjc', { state: 'draining' }),
    nodeOf(p, 'iad', { accepting: false }),
    nodeOf(p, 'fra'),
  ]);
  expect(p.datacenterNames.filter(live.isLive)).toEqual(['fra']);
  expect(live.urlsFor('sjc', 'room')).toEqual([]);
});

test('an operator is told why a datacenter is left out', () => {
  const rejected: RejectedNode[] = [
    { id: 'x', datacenter: 'hkg', reason: 'record_replayed' },
    { id: 'y', datacenter: 'fra', reason: 'record_url' },
  ];
  const live = liveOf(
    [
      nodeOf(p, 'sjc', { state: 'draining' }),
      nodeOf(p, 'iad', { accepting: false }),
      nodeOf(p, 'ams', { state: 'starting' }),
      nodeOf(p, 'fra'),
    ],
    rejected,
  );
  expect(Object.fromEntries(p.datacenterNames.map((name) => [name, live.absence(name)]))).toEqual({
    sjc: { reason: 'draining' },
    iad: { reason: 'full' },
    ams: { reason: 'starting' },
    fra: null,
    hkg: { reason: 'unverified', faults: ['record_replayed'] },
    sha: { reason: 'unregistered' },
    tsn: { reason: 'unregistered' },
  });
});
