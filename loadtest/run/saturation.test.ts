import { describe, expect, test } from 'vitest';
import type { Point } from '../report/result.ts';
import { saturationWords } from '../report/saturation.ts';
import { exampleResult } from '../report/testing/example.ts';
import { saturationOf } from './saturation.ts';

const limits = { loss: 0.001, latencyP99: 100 };
const kinds = new Map([
  ['fra-1', 'node'],
  ['fra-1 worker', 'worker'],
  ['generator', 'generator'],
] as const);

/** Climbs by ten participants a point; from the sixth on it is as `changes` say. */
function climb(changes: Partial<Point>): Point[] {
  const [example] = exampleResult().series;
  if (example === undefined) throw new Error('the example has no series');
  const calm = {
    ...example,
    measured: true,
    loss: 0,
    latencyP99: 5,
    machine: 1,
    processes: { 'fra-1 worker': { cpu: 0.5, memory: 1 } },
  };
  return Array.from({ length: 8 }, (_, index) => ({
    ...calm,
    at: index,
    seconds: 1,
    participants: 10 * (index + 1),
    packetsPerSecond: 2500 * (index + 1),
    ...(index >= 5 ? changes : {}),
  }));
}

const found = (series: readonly Point[]) => saturationOf(series, { limits, kinds, cores: 2 });
const busy = (cpu: Record<string, number>) =>
  Object.fromEntries(Object.entries(cpu).map(([name, share]) => [name, { cpu: share, memory: 1 }]));

describe('saturation', () => {
  test('is where loss stays above its limit for two points, named with what was held before', () => {
    const saturation = found(climb({ loss: 0.004, processes: busy({ 'fra-1 worker': 0.98 }) }));
    expect(saturation).toEqual({
      at: 6,
      participants: 70,
      packetsPerSecond: 17_500,
      why: '0.40 % of the packets lost',
      limitedBy: 'fra-1 worker at 98 % of a core',
      held: { participants: 50, packetsPerSecond: 12_500 },
    });
    expect(saturationWords(exampleResult({ saturation }))).toBe(
      'Saturated at 70 participants, 17.5 k packets/s (0.40 % of the packets lost), limited by fra-1 worker at 98 % of a core. Held before that: 50 participants, 12.5 k packets/s.',
    );
  });

  test('is where latency does', () => {
    expect(found(climb({ latencyP99: 180 }))).toMatchObject({ participants: 70, why: 'latency p99 180 ms' });
  });

  test('is none for one bad point, for points that are not measured, or for a loss that says nothing', () => {
    const once = climb({ loss: 0.004 }).map((point) => (point.at === 5 ? point : { ...point, loss: 0 }));
    expect(found(once)).toBeNull();
    expect(found(climb({ loss: 0.004, measured: false }))).toBeNull();
    expect(found(climb({ loss: 0.004, packetsPerSecond: 50 }))).toBeNull();
    expect(saturationWords(exampleResult({ saturation: null, series: once }))).toBe(
      'Not saturated with 80 participants and 20 k packets/s, when the busiest process, fra-1 worker, took 50 % of a core.',
    );
  });

  test.each([
    [
      { generator: 0.97, 'fra-1 worker': 0.9 },
      1.9,
      'the generator itself, generator at 97 % of a core: the cluster may hold more',
    ],
    [
      { generator: 0.4, 'fra-1 worker': 0.5, 'fra-1': 0.1 },
      1.96,
      'the machine, whose 2 cores were busy: nodes and workers 0.60, the generator 0.40, other programs 0.96',
    ],
    [{ generator: 0.1, 'fra-1 worker': 0.2 }, 0.4, 'nothing that was seen to be full'],
  ])('is put down to what was full: %o of %d busy cores', (cpu, machine, limitedBy) => {
    expect(found(climb({ loss: 0.1, machine, processes: busy(cpu) }))?.limitedBy).toBe(limitedBy);
  });
});
