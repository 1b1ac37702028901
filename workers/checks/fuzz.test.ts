import { expect, test } from 'vitest';
import { ensureWorker } from '../ensure.ts';
import { fuzz } from './fuzz.ts';

test.each([1, 2])(
  'mutated packets of seed %s neither end the worker nor stop its media',
  async (seed) => {
    const { path: workerBin } = await ensureWorker();
    const packets = 50_000;
    expect(await fuzz({ workerBin, seed, until: { packets } })).toBeGreaterThanOrEqual(packets);
  },
  180_000,
);
