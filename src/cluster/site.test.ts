import { describe, expect, test } from 'vitest';
import { belongs, isCloudPage, linkBelongs } from './site.ts';
import { policyOf, zoom2020 } from './testing/door.ts';

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
    expect(isCloudPage(loopback, 'http://127.0.0.1:5002')).toBe(true);
    expect(isCloudPage(loopback, 'http://127.0.0.1:5003')).toBe(false);
  });
});

test.each([
  ['https://sjc.example.net', true],
  ['https://n1.fra.example.net', true],
  ['https://n1.sha.example.net:8443', true],
  ['http://n1.fra.example.net', false],
  ['https://example.net', false],
  ['https://evilsjc.example.net', false],
  ['https://sjc.example.net.evil.com', false],
  ['wss://sjc.example.net', false],
  ['null', false],
])("a page of %s is a node's: %s", (origin, expected) => {
  expect(isCloudPage(p, origin)).toBe(expected);
});

describe('a link in a node record', () => {
  const media = policyOf(`
version: 1
cloud: local
regions: { us: { countries: [US], admits: any } }
datacenters:
  sjc: { region: us, url: "wss://sjc.example.net", media: ["192.0.2.0/24", "2001:db8::/32"] }
  iad: { region: us, url: "wss://iad.example.net" }
routes: { us: { primaries: [sjc, iad], secondaries: [] } }
unknown: refuse
`);
  test.each([
    ['sjc', '192.0.2.7:7000', true],
    ['sjc', '[2001:db8::7]:7000', true],
    ['sjc', 'a.sjc.example.net:7000', true],
    ['sjc', '198.51.100.7:7000', false],
    ['sjc', '[2001:db9::7]:7000', false],
    ['sjc', 'iad.example.net:7000', false],
    ['sjc', '192.0.2.7:0', false],
    ['sjc', '192.0.2.7:70000', false],
    ['sjc', '192.0.2.7', false],
    ['sjc', 'x@192.0.2.7:7000', false],
    ['sjc', '192.0.2.7:7000/path', false],
    ['iad', '203.0.113.9:7000', true],
    ['iad', 'anything', false],
    ['lhr', '192.0.2.7:7000', false],
  ])('of %s: %s', (datacenter, link, expected) => {
    expect(linkBelongs(media, datacenter, link)).toBe(expected);
  });
});
