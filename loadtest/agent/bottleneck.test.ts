import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { Bottleneck, QUEUE_MS } from './bottleneck.ts';

beforeEach(() => void vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'performance'] }));
afterEach(() => void vi.useRealTimers());

/** A kilobyte with its headers, which takes 10 ms at 800 kbit/s. */
const BYTES = 972;

test('a narrow line sends in order and at its rate, and loses what finds the queue full', () => {
  const line = new Bottleneck();
  const sent: [number, number][] = [];
  const began = performance.now();
  for (let n = 0; n < 60; n += 1)
    line.pass(BYTES, 800, () => sent.push([n, Math.round(performance.now() - began)]));
  vi.advanceTimersByTime(1000);
  expect(sent.length).toBe(QUEUE_MS / 10 + 1);
  expect(sent.map(([n]) => n)).toEqual(sent.map((_, index) => index));
  expect(sent.map(([, at]) => at)).toEqual(sent.map((_, index) => (index + 1) * 10));
  line.pass(BYTES, 800, () => sent.push([60, Math.round(performance.now() - began)]));
  vi.advanceTimersByTime(1000);
  expect(sent.at(-1)).toEqual([60, 1010]);
});

test('a line that is no longer narrow lets pass at once what comes after what waits', () => {
  const line = new Bottleneck();
  const sent: number[] = [];
  for (const n of [0, 1]) line.pass(BYTES, 800, () => sent.push(n));
  line.pass(BYTES, undefined, () => sent.push(2));
  expect(sent).toEqual([]);
  vi.advanceTimersByTime(20);
  expect(sent).toEqual([0, 1, 2]);
  line.pass(BYTES, undefined, () => sent.push(3));
  expect(sent).toEqual([0, 1, 2, 3]);
});

test('a closed one sends nothing more', () => {
  const line = new Bottleneck();
  const send = vi.fn();
  line.pass(BYTES, 800, send);
  line.close();
  vi.advanceTimersByTime(1000);
  expect(send).not.toHaveBeenCalled();
});
