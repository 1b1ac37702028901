import { describe, expect, it } from 'vitest';
import { createClientAddress, UNKNOWN_ADDRESS } from './proxies.ts';

const PROXIES = ['10.0.0.0/8', '2001:db8:ffff::/48'];

describe('createClientAddress', () => {
  it.each<[string, string | undefined, string | string[] | undefined, string]>([
    ['no header', '203.0.113.7', undefined, '203.0.113.7'],
    ['the header of somebody who is no proxy', '203.0.113.7', '198.51.100.1', '203.0.113.7'],
    ['a proxy', '10.0.0.1', '198.51.100.1', '198.51.100.1'],
    ['a proxy, as the socket shows it', '::ffff:10.0.0.1', '198.51.100.1', '198.51.100.1'],
    ['a proxy over IPv6', '2001:db8:ffff::1', '2001:DB8::7', '2001:db8::7'],
    ['two proxies', '10.0.0.1', '198.51.100.1, 10.9.9.9', '198.51.100.1'],
    ['what the client wrote itself', '10.0.0.1', '192.0.2.66, 198.51.100.1', '198.51.100.1'],
    [
      'a proxy that the client claims to be',
      '10.0.0.1',
      '192.0.2.66, 10.0.0.9, 198.51.100.1',
      '198.51.100.1',
    ],
    ['several header lines', '10.0.0.1', ['192.0.2.66', '198.51.100.1, 10.0.0.2'], '198.51.100.1'],
    ['ports', '10.0.0.1', '198.51.100.1:4711', '198.51.100.1'],
    ['ports over IPv6', '10.0.0.1', '[2001:db8::7]:4711', '2001:db8::7'],
    ['a proxy on its own behalf', '10.0.0.1', undefined, '10.0.0.1'],
    ['proxies all the way', '10.0.0.1', '10.0.0.3, 10.0.0.2', '10.0.0.3'],
    ['an entry that is no address', '10.0.0.1', 'unknown', UNKNOWN_ADDRESS],
    [
      'an entry that is no address, right of a good one',
      '10.0.0.1',
      '198.51.100.1, _hidden',
      UNKNOWN_ADDRESS,
    ],
    ['an empty header', '10.0.0.1', '', UNKNOWN_ADDRESS],
    ['more proxies than there are', '10.0.0.1', Array(100).fill('10.0.0.2').join(','), UNKNOWN_ADDRESS],
    ['a socket that is gone', undefined, '198.51.100.1', UNKNOWN_ADDRESS],
  ])('%s', (_case, peer, header, expected) => {
    expect(createClientAddress(PROXIES)(peer, header)).toBe(expected);
  });

  it('believes nobody by default, not even this machine', () => {
    expect(createClientAddress([])('127.0.0.1', '198.51.100.1')).toBe('127.0.0.1');
  });
});
