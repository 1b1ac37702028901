import { describe, expect, it, test } from 'vitest';
import { MAX_PROXY_HEADER_BYTES, readProxyHeader } from './http-proxy-header.ts';

const SIGNATURE = '0d0a0d0a000d0a515549540a';
const V4 = 'c0000201c63364010fa001bb';
const V6 = '20010db8000000000000000000000001'.concat('20010db8000000000000000000000002', '0fa001bb');

const hex = (text: string) => Buffer.from(text, 'hex');

describe('a header', () => {
  test.each([
    ['v1, IPv4', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.1 4000 443\r\nGET'), '192.0.2.1', 44],
    ['v1, IPv6', Buffer.from('PROXY TCP6 2001:db8::1 2001:db8::2 4000 443\r\n'), '2001:db8::1', 45],
    ['v1, a proxy for itself', Buffer.from('PROXY UNKNOWN\r\n'), null, 15],
    ['v1, unknown with addresses', Buffer.from('PROXY UNKNOWN ff::1 ff::1 65535 65535\r\n'), null, 39],
    ['v2, IPv4', hex(`${SIGNATURE}2111000c${V4}474554`), '192.0.2.1', 28],
    ['v2, IPv6', hex(`${SIGNATURE}21210024${V6}`), '2001:db8:0:0:0:0:0:1', 52],
    ['v2, with extensions', hex(`${SIGNATURE}21110013${V4}04000400000000`), '192.0.2.1', 35],
    ['v2, a proxy for itself', hex(`${SIGNATURE}20000000`), null, 16],
    ['v2, a proxy for itself, with addresses', hex(`${SIGNATURE}2011000c${V4}`), null, 28],
    ['v2, of no family', hex(`${SIGNATURE}21000000`), null, 16],
  ])('%s: is read whole, and partial before', (_what, bytes, address, length) => {
    expect(readProxyHeader(bytes)).toEqual({ kind: 'header', address, length });
    for (let cut = 0; cut < length; cut++) {
      expect(readProxyHeader(bytes.subarray(0, cut))).toEqual({ kind: 'partial' });
    }
  });
});

describe('what is no header', () => {
  test.each([
    ['HTTP', Buffer.from('GET / HTTP/1.1\r\n')],
    ['TLS', hex('160301')],
    ['half a signature and something else', hex('0d0a0d0a000d0aff')],
    ['v1 that does not end', Buffer.from(`PROXY TCP4 ${'1'.repeat(120)}`)],
    ['v1 of another family', Buffer.from('PROXY UDP4 192.0.2.1 198.51.100.1 4000 443\r\n')],
    ['v1 with an address of another family', Buffer.from('PROXY TCP4 ::1 198.51.100.1 4000 443\r\n')],
    ['v1 with a bad address', Buffer.from('PROXY TCP4 192.0.2.256 198.51.100.1 4000 443\r\n')],
    ['v1 with two blanks', Buffer.from('PROXY  TCP4 192.0.2.1 198.51.100.1 4000 443\r\n')],
    ['v1 with a port beyond', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.1 65536 443\r\n')],
    ['v1 with a zero before', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.1 0443 443\r\n')],
    ['v1 with more behind', Buffer.from('PROXY TCP4 192.0.2.1 198.51.100.1 4000 443 x\r\n')],
    ['v2 of another version', hex(`${SIGNATURE}1111000c${V4}`)],
    ['v2 with another command', hex(`${SIGNATURE}2211000c${V4}`)],
    ['v2 over UDP', hex(`${SIGNATURE}2112000c${V4}`)],
    ['v2 with too little', hex(`${SIGNATURE}21110004c0000201`)],
    ['v2 with IPv6 and room for IPv4', hex(`${SIGNATURE}2121000c${V4}`)],
    ['v2 that is too long', hex(`${SIGNATURE}2111ffff`)],
  ])('%s', (_what, bytes) => {
    expect(readProxyHeader(bytes).kind).toBe('invalid');
  });

  it('is never waited for beyond the bound', () => {
    for (const start of ['', 'PROXY ', 'PROXY UNKNOWN ']) {
      const bytes = Buffer.alloc(MAX_PROXY_HEADER_BYTES, 0x20);
      bytes.write(start);
      expect(readProxyHeader(bytes).kind).not.toBe('partial');
    }
  });
});
