import { describe, expect, test } from 'vitest';
import { belongs, livenessOf } from './liveness.ts';
import { nodeOf, policyOf, zoom2020 } from './testing/door.ts';

const p = zoom2020();

describe('a URL in a node record', () => {
  test.each([
    ['sjc', 'wss://sjc.example.net', true],
    ['sjc', 'wss://a.sjc.example.net', true],
    ['sjc', 'wss://a.sjc.example.net:8443', true],
    ['sjc', 'wss://sha.example.net', false],
    ['sjc', 'wss://evil.example.com', false],
    ['sjc', 'wss://evilsjc.example.net', false],
    ['sjc', 'wss://sjc.example.net.evil.com', false],
    ['sjc', 'ws://127.0.0.1:4433', false],
    ['sjc', 'https://sjc.example.net', false],
    ['sjc', 'wss://sjc.example.net@evil.com', false],
    ['sjc', 'nonsense', false],
    ['lhr', 'wss://lhr.example.net', false],
  ])('of %s: %s', (datacenter, url, expected) => {
    expect(belongs(p, datacenter, url)).toBe(expected);
  });

  test('belongs to whom it names most closely, where one site is under another or all are on one host', () => {
    const local = (sjc: string, sha: string) =>
      policyOf(`
version: 1
cloud: local
regions: { us: { countries: [US], admits: any }, cn: { countries: [CN], admits: [cn] } }
datacenters: { sjc: { region: us, url: "${sjc}" }, sha: { region: cn, url: "${sha}" } }
routes: { us: { primaries: [sjc], secondaries: [] }, cn: { primaries: [sha], secondaries: [] } }
unknown: refuse
`);
    const nested = local('wss://example.net', 'wss://sha.example.net');
    expect(belongs(nested, 'sjc', 'wss://a.sha.example.net')).toBe(false);
    expect(belongs(nested, 'sjc', 'wss://a.example.net')).toBe(true);
    const loopback = local('ws://127.0.0.1:5001', 'ws://127.0.0.1:5002');
    expect(belongs(loopback, 'sjc', 'ws://127.0.0.1:5001')).toBe(true);
    expect(belongs(loopback, 'sjc', 'ws://127.0.0.1:5002')).toBe(false);
  });

  test("that does not belong is replaced by the datacenter's own", () => {
    const live = livenessOf(p, [nodeOf(p, 'sjc', { url: 'wss://sha.example.net' })]);
    expect(live.urlFor('sjc', 'room')).toBe('wss://sjc.example.net');
  });
});

describe('several nodes of a datacenter', () => {
  const node = (id: string, load: number) =>
    nodeOf(p, 'sjc', { id, load, url: `wss://${id}.sjc.example.net` });

  test('the less loaded is preferred', () => {
    const live = livenessOf(p, [node('a', 0.9), node('b', 0.1), node('c', 0.6)]);
    expect(live.urlFor('sjc', 'room')).toBe('wss://b.sjc.example.net');
  });

  test("one room's members meet at one of those that are about equal; rooms spread", () => {
    const live = livenessOf(p, [node('a', 0.1), node('b', 0.15), node('c', 0.2)]);
    const urls = new Set<string | undefined>();
    for (let i = 0; i < 100; i++) {
      expect(live.urlFor('sjc', `room-${i}`)).toBe(live.urlFor('sjc', `room-${i}`));
      urls.add(live.urlFor('sjc', `room-${i}`));
    }
    expect(urls.size).toBe(3);
  });

  test('one without statistics comes last, and is better than none', () => {
    expect(livenessOf(p, [node('a', Number.NaN), node('b', 1)]).urlFor('sjc', 'r')).toBe(
      'wss://b.sjc.example.net',
    );
    expect(livenessOf(p, [node('a', Number.NaN)]).urlFor('sjc', 'r')).toBe('wss://a.sjc.example.net');
  });
});

test('a datacenter without a ready and accepting node is not live, and has no URL', () => {
  const live = livenessOf(p, [
    nodeOf(p, 'sjc', { state: 'draining' }),
    nodeOf(p, 'iad', { accepting: false }),
    nodeOf(p, 'fra'),
  ]);
  expect(p.datacenterNames.filter(live.isLive)).toEqual(['fra']);
  expect(live.urlFor('sjc', 'room')).toBeUndefined();
});
