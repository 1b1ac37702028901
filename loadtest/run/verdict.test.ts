import { describe, expect, test } from 'vitest';
import { distributionOf } from '../measure/distribution.ts';
import { Histogram } from '../measure/histogram.ts';
import type { PairResult } from '../report/result.ts';
import { exampleResult } from '../report/testing/example.ts';
import type { ReceivedThresholds } from '../scenario/schema.ts';
import { judge } from './verdict.ts';

/** So many packets, each as late as it says, in ms. */
function latency(...late: readonly (readonly [packets: number, ms: number])[]): PairResult['latency'] {
  const histogram = new Histogram();
  for (const [packets, ms] of late) for (let n = 0; n < packets; n += 1) histogram.add(ms * 1000);
  return distributionOf(histogram);
}

function pair(from: string, to: string, changes: Partial<PairResult>): PairResult {
  const none = { packets: 0, missing: 0, loss: 0, freezes: 0, cameras: 0, layer: null };
  return { from, to, ...none, latency: latency(), jitter: latency(), ...changes };
}

const PAIRS = [
  pair('us', 'eu', { packets: 900, missing: 0, cameras: 30, layer: 1, latency: latency([97, 10]) }),
  pair('eu', 'eu', { packets: 50, missing: 50, cameras: 10, layer: 2, latency: latency([3, 400]) }),
  pair('eu', 'us', { packets: 100, missing: 0, cameras: 10, layer: 0, latency: latency([100, 2000]) }),
  pair('us', 'hk', { packets: 10, missing: 0, latency: latency([10, 1]) }),
];

function judged(region: string, thresholds: ReceivedThresholds) {
  const found = judge({ to: { [region]: thresholds } }, exampleResult({ pairs: PAIRS }));
  return found.map(({ name, value, holds }) => ({ name, value, holds }));
}

describe('thresholds of who receives in one region', () => {
  test.each<[ReceivedThresholds, string, number, boolean]>([
    [{ loss: 0.05 }, 'to.eu.loss', 0.05, true],
    [{ loss: 0.049 }, 'to.eu.loss', 0.05, false],
    [{ layerLeast: 1.25 }, 'to.eu.layerLeast', 1.25, true],
    [{ layerLeast: 1.3 }, 'to.eu.layerLeast', 1.25, false],
    [{ layerMost: 1.25 }, 'to.eu.layerMost', 1.25, true],
    [{ layerMost: 1.2 }, 'to.eu.layerMost', 1.25, false],
  ])('%j weighs all that send to it, and nobody else', (thresholds, name, value, holds) => {
    expect(judged('eu', thresholds)).toEqual([{ name, value, holds }]);
  });

  test('have one latency of all that send to it', () => {
    const [p99] = judged('eu', { latencyP99: 500 });
    expect(p99?.holds).toBe(true);
    // Exact to the width of a bucket.
    expect(Math.abs((p99?.value ?? 0) - 400)).toBeLessThan(16);
    expect(judged('eu', { latencyP99: 300 })[0]?.holds).toBe(false);
  });

  test('do not hold where nothing came', () => {
    expect(judged('hk', { layerMost: 2 })).toEqual([{ name: 'to.hk.layerMost', value: null, holds: false }]);
    expect(judged('cn', { loss: 1, latencyP99: 1000 })).toEqual([
      { name: 'to.cn.loss', value: null, holds: false },
      { name: 'to.cn.latencyP99', value: null, holds: false },
    ]);
  });

  test.each<[ReceivedThresholds, string, number | null, boolean]>([
    [{ least: { screen: 400_000 } }, 'to.eu.least.screen', 400_000, true],
    [{ least: { screen: 400_001 } }, 'to.eu.least.screen', 400_000, false],
    [{ least: { camera: 1 } }, 'to.eu.least.camera', null, false],
  ])('%j are of that source there', (thresholds, name, value, holds) => {
    const received = [
      { to: 'eu', source: 'screen', receivers: 2, least: 400_000, mean: 900_000 } as const,
      { to: 'us', source: 'screen', receivers: 1, least: 0, mean: 0 } as const,
      { to: 'us', source: 'camera', receivers: 1, least: 1000, mean: 1000 } as const,
    ];
    const found = judge({ to: { eu: thresholds } }, exampleResult({ received }));
    expect(found.map((one) => [one.name, one.value, one.holds])).toEqual([[name, value, holds]]);
    // Of everybody it is who gets least anywhere.
    const [everywhere] = judge({ least: { screen: 1 } }, exampleResult({ received }));
    expect(everywhere).toMatchObject({ name: 'least.screen', value: 0, unit: 'bit/s', holds: false });
  });

  test('stand after those of everybody, and are named in words', () => {
    const found = judge(
      { loss: 0.001, to: { eu: { loss: 0.05 }, us: { layerLeast: 1 } } },
      exampleResult({ pairs: PAIRS }),
    );
    expect(found.map(({ name, what, least }) => [name, what, least])).toEqual([
      ['loss', 'packets that never came', false],
      ['to.eu.loss', 'packets that never came, to eu', false],
      ['to.us.layerLeast', 'mean layer of cameras, to us', true],
    ]);
  });
});
