import { describe, expect, it } from 'vitest';
import { type AddressKind, classifyAddress, networks, normalizeAddress } from './address.ts';

describe('normalizeAddress', () => {
  it.each<[string, string | null]>([
    ['192.0.2.1', '192.0.2.1'],
    [' 192.0.2.1 ', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:c000:201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:192.0.2.1', '192.0.2.1'],
    ['64:ff9b::192.0.2.1', '192.0.2.1'],
    ['64:ff9b::1', '0.0.0.1'],
    ['64:ff9b::1:c000:201', '64:ff9b::1:c000:201'],
    ['::ffff:201', '::ffff:201'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['fe80::1%eth0', 'fe80::1'],
    ['fe80::1%25en0', 'fe80::1'],
    ['::1', '::1'],
    ['', null],
    ['unknown', null],
    ['192.0.2', null],
    ['192.0.2.01', null],
    ['0x7f.1', null],
    ['2130706433', null],
    ['192.0.2.1:80', null],
    ['[::1]', null],
    ['::1/128', null],
    ['::ffff:999.1.1.1', null],
  ])('%j is %j', (text, expected) => {
    expect(normalizeAddress(text)).toBe(expected);
  });
});

describe('classifyAddress', () => {
  it.each<[string, AddressKind]>([
    ['127.0.0.1', 'loopback'],
    ['127.255.1.1', 'loopback'],
    ['::1', 'loopback'],
    ['::ffff:127.0.0.1', 'loopback'],
    ['64:ff9b::7f00:1', 'loopback'],
    ['10.1.2.3', 'private'],
    ['172.16.0.1', 'private'],
    ['172.32.0.1', 'public'],
    ['192.168.1.1', 'private'],
    ['100.64.0.1', 'private'],
    ['100.128.0.1', 'public'],
    ['169.254.1.1', 'private'],
    ['fd00::1', 'private'],
    ['fe80::1%eth0', 'private'],
    ['::ffff:10.0.0.1', 'private'],
    ['0.0.0.0', 'unusable'],
    ['::', 'unusable'],
    ['224.0.0.1', 'unusable'],
    ['255.255.255.255', 'unusable'],
    ['ff02::1', 'unusable'],
    ['not an address', 'unusable'],
    ['203.0.113.7', 'public'],
    ['8.8.8.8', 'public'],
    ['2001:db8::1', 'public'],
  ])('%s is %s', (address, kind) => {
    expect(classifyAddress(address)).toBe(kind);
  });
});

describe('networks', () => {
  it('has addresses in any spelling', () => {
    const set = networks(['10.0.0.0/8', '2001:db8::/32', '192.0.2.7']);
    expect(set.has('10.255.0.1')).toBe(true);
    expect(set.has('::ffff:10.0.0.1')).toBe(true);
    expect(set.has('2001:db8:1::1')).toBe(true);
    expect(set.has('192.0.2.7')).toBe(true);
    expect(set.has('192.0.2.8')).toBe(false);
    expect(set.has('nonsense')).toBe(false);
  });

  it('is empty by default', () => {
    expect(networks([]).has('127.0.0.1')).toBe(false);
  });

  it.each(['10.0.0.0/33', '10.0.0.0/', '10.0.0/8', '::/129', 'lan', '10.0.0.0/8/8', '10.0.0.0/-1'])(
    'refuses %s',
    (prefix) => {
      expect(() => networks([prefix])).toThrow(RangeError);
    },
  );
});
