import { expect, test } from 'vitest';
import { FakeClock } from '../rooms/testing/fake-clock.ts';
import { AddressRates } from './http-rates.ts';

const RATE = { perSecond: 0.5, burst: 2 };

test('an address asks as often as the rate says, and is told when it may again', () => {
  const clock = new FakeClock();
  const rates = new AddressRates(RATE, clock);
  expect([1, 2, 3].map(() => rates.take('192.0.2.1'))).toEqual([0, 0, 2]);
  expect(rates.take('192.0.2.2')).toBe(0);
  clock.advance(1500);
  expect(rates.take('192.0.2.1')).toBe(1);
  clock.advance(500);
  expect(rates.take('192.0.2.1')).toBe(0);
});

test('the /64 of an IPv6 address counts as one', () => {
  const rates = new AddressRates(RATE, new FakeClock());
  expect(['2001:db8::1', '2001:db8::2', '2001:db8:0:0:9::3'].map((ip) => rates.take(ip))).toEqual([0, 0, 2]);
  expect(rates.take('2001:db8:0:1::1')).toBe(0);
});

test('memory is bounded: the silent are forgotten, and the number never grows beyond its bound', () => {
  const clock = new FakeClock();
  const rates = new AddressRates(RATE, clock, 100);
  for (let n = 0; n < 1000; n++) rates.take(`198.51.${n >> 8}.${n & 255}`);
  expect(rates.size).toBe(100);
  // Whoever is remembered still is held to its rate; nobody in use is forgotten for it.
  expect([1, 2, 3].map(() => rates.take('198.51.3.231'))).toEqual([0, 2, 2]);
  clock.advance(10_000);
  rates.take('192.0.2.1');
  expect(rates.size).toBe(1);
});
