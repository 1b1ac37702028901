import { expect, test } from 'vitest';
import { judge } from '../run/verdict.ts';
import { quantileOf, timesOf } from './fault-times.ts';
import { summaryOf } from './summary.ts';
import { exampleResult } from './testing/example.ts';

test('quantiles of a few values are values of theirs', () => {
  expect(quantileOf([], 0.5)).toBeNull();
  expect(quantileOf([7], 0.95)).toBe(7);
  expect([0, 0.5, 0.75, 0.76, 1].map((share) => quantileOf([1, 2, 3, 4], share))).toEqual([1, 2, 3, 4, 4]);
});

test('the times of all faults count together, and say whether the threshold holds', () => {
  const result = exampleResult();
  const [fault] = result.faults;
  if (fault === undefined) throw new Error('the example has no fault');
  const faults = [fault, { ...fault, affected: 1, longestMs: 90, timesMs: [90] }];
  expect(timesOf(faults)).toEqual({ count: 5, p50: 640, p95: 800, max: 800 });
  expect(summaryOf({ ...result, faults })).toContain('without media 5 times: p50 640.0 ms, p95 800.0 ms');
  const judged = (changes: object) => judge({ recoveryP95: 799 }, { ...result, faults, ...changes })[0];
  expect(judged({})).toMatchObject({ value: 800, holds: false });
  expect(judged({ faults: [{ ...fault, timesMs: [100, 200] }] })).toMatchObject({ value: 200, holds: true });
  // Who never had media again is in no list of times.
  expect(judged({ faults: [{ ...fault, timesMs: [100], recovered: false }] })).toMatchObject({
    holds: false,
  });
  expect(judged({ faults: [] })).toMatchObject({ value: null, holds: false });
});
