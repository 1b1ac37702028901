import { expect, test } from 'vitest';
import { listFor, namesOf } from './directory.ts';
import { livenessOf } from './liveness.ts';
import { nodeOf, zoom2020 } from './testing/door.ts';

const p = zoom2020();
const US = { home: 'us', evidence: ['us'], regions: null };
const live = livenessOf(p, { nodes: p.datacenterNames.map((name) => nodeOf(p, name)), rejected: [] });
const question = { room: 'standup', now: 1_000_500 };

test('a list keeps the order it is given, and ends after 60 s', () => {
  const list = listFor(p, US, { primaries: ['iad', 'sjc'], secondaries: ['hkg', 'fra'] }, live, question);
  expect(namesOf(list)).toEqual(['iad', 'sjc', 'hkg', 'fra']);
  expect(list).toMatchObject({ cloud: 'commercial', room: 'standup', expiresAt: 1060, policy: p.digest });
  expect(list.primaries[0]).toEqual({ datacenter: 'iad', region: 'us', url: 'wss://iad.example.net' });
});

test('a second node of a datacenter stands beside the first, signed with it', () => {
  const url = 'wss://two.sjc.example.net/';
  const two = livenessOf(p, {
    nodes: [nodeOf(p, 'sjc'), nodeOf(p, 'sjc', { id: 'two', load: 0.9, url }), nodeOf(p, 'iad')],
    rejected: [],
  });
  const { primaries } = listFor(p, US, { primaries: ['sjc', 'iad'], secondaries: [] }, two, question);
  expect(primaries).toEqual([
    {
      datacenter: 'sjc',
      region: 'us',
      url: 'wss://sjc.example.net',
      sibling: 'wss://two.sjc.example.net',
    },
    { datacenter: 'iad', region: 'us', url: 'wss://iad.example.net' },
  ]);
});

test('whoever filtered wrongly before: no list is made of what is not allowed, not up, or not known', () => {
  for (const wrong of ['sha', 'tsn', 'lhr']) {
    expect(() => listFor(p, US, { primaries: [wrong], secondaries: [] }, live, question)).toThrow();
    expect(() => listFor(p, US, { primaries: ['sjc'], secondaries: [wrong] }, live, question)).toThrow();
  }
  const narrowed = { ...US, regions: ['eu'] };
  expect(() => listFor(p, narrowed, { primaries: ['sjc'], secondaries: [] }, live, question)).toThrow();
  const nobody = livenessOf(p, { nodes: [], rejected: [] });
  expect(() => listFor(p, US, { primaries: ['sjc'], secondaries: [] }, nobody, question)).toThrow();
});
