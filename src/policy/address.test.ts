import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bridgeOrigin, firstOverlaps, overlap, type Prefix, parseInstant, parsePrefix } from './address.ts';

describe('URLs of bridges', () => {
  it.each([
    ['wss://sjc.example.net', 'sjc.example.net:443'],
    ['wss://SJC.example.net:443/path', 'sjc.example.net:443'],
    ['wss://sjc.example.net.', 'sjc.example.net:443'],
    ['wss://[2001:db8::1]:8443', '[2001:db8::1]:8443'],
    ['ws://localhost:4433', 'localhost:4433'],
    ['ws://127.0.0.1', '127.0.0.1:80'],
    ['WS://127.0.0.1:81', '127.0.0.1:81'],
    ['ws://[::1]:5', '[::1]:5'],
    ['ws://sjc.example.net', null],
    ['ws://localhost.example.net', null],
    ['ws://128.0.0.1', null],
    ['https://sjc.example.net', null],
    ['wss://user:secret@sjc.example.net', null],
    ['wss://sjc.example.net?x', null],
    ['wss://sjc.example.net#x', null],
    ['wss://sjc.exa\tmple.net', null],
    ['wss:\\\\sjc.example.net', null],
    ['wss://sjć.example.net', null],
    ['ws://127.1', null],
    ['wss://0x7f000001', null],
    ['wss:sjc.example.net', null],
    ['wss:///sjc.example.net', null],
    ['wss://sjc%2eexample.net', null],
    ['wss://@sjc.example.net', null],
    ['wss://sjc.example.net?', null],
    ['wss://sjc.example.net/#', null],
    ['wss://*.example.net', null],
    ['wss://sjc..example.net', null],
    ['wss://sjc.example.net:', null],
    ['sjc.example.net', null],
    ['', null],
  ])('%s', (url, origin) => {
    const result = bridgeOrigin(url);
    expect(result.ok ? result.origin : null).toBe(origin);
  });
});

describe('prefixes', () => {
  it.each([
    ['203.0.113.0/24', true],
    ['203.0.113.7', true],
    ['0.0.0.0/0', true],
    ['2001:db8::/32', true],
    ['::', true],
    ['1:2:3:4:5:6:7:8', true],
    ['203.0.113.1/24', false],
    ['203.0.113.0/33', false],
    ['203.0.113/24', false],
    ['203.0.113.256', false],
    ['203.0.113.01', false],
    ['2001:db8::1/32', false],
    ['1::2::3', false],
    ['1:2:3:4:5:6:7:8:9', false],
    ['1:2:3:4:5:6:7::8', false],
    ['fe80::1%eth0', false],
    ['10.0.0.0/8/8', false],
    ['10.0.0.0/', false],
    ['', false],
  ])('%s', (text, good) => {
    expect(parsePrefix(text) !== null).toBe(good);
  });

  it('that overlap are found as by comparing each with each', () => {
    const prefix = fc
      .record({ bits: fc.nat(15), length: fc.integer({ min: 28, max: 32 }), kind: fc.nat(2) })
      .map(({ bits, length, kind }) => {
        const shift = BigInt(32 - length);
        return {
          kind,
          prefix: { bits: ((BigInt(bits) & 15n) >> shift) << shift, length, width: 32 } satisfies Prefix,
        };
      });
    fc.assert(
      fc.property(fc.array(prefix, { maxLength: 12 }), (all) => {
        const clashing = all.some((a) => all.some((b) => a.kind !== b.kind && overlap(a.prefix, b.prefix)));
        const found = firstOverlaps(all, (a, b) => a.kind !== b.kind);
        expect(found.length > 0).toBe(clashing);
        for (const [a, b] of found) expect(a.kind !== b.kind && overlap(a.prefix, b.prefix)).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  it('are compared in a time that grows with their number, not its square', () => {
    const many = Array.from({ length: 60_000 }, (_, i) => ({
      kind: i % 2,
      prefix: { bits: BigInt(i) << 4n, length: 28, width: 32 } satisfies Prefix,
    }));
    const start = performance.now();
    expect(firstOverlaps(many, (a, b) => a.kind !== b.kind)).toEqual([]);
    expect(performance.now() - start).toBeLessThan(20_000);
  });
});

describe('instants', () => {
  it.each([
    ['2027-06-30T00:00:00Z', Date.UTC(2027, 5, 30)],
    ['2027-06-30T02:00:00+02:00', Date.UTC(2027, 5, 30)],
    ['2027-06-29T22:30:00.5-01:30', Date.UTC(2027, 5, 30, 0, 0, 0, 500)],
    ['2028-02-29T00:00:00Z', Date.UTC(2028, 1, 29)],
    ['2027-02-29T00:00:00Z', null],
    ['2027-06-30T24:00:00Z', null],
    ['2027-06-30', null],
    ['2027-06-30T00:00:00', null],
    ['2027-06-30T00:00:00+24:00', null],
  ])('%s', (text, instant) => {
    expect(parseInstant(text)).toBe(instant);
  });
});
