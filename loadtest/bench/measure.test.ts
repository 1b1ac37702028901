import { availableParallelism } from 'node:os';
import { afterAll, expect, it } from 'vitest';
import { ensureWorker } from '../../workers/ensure.ts';
import { type Conditions, measure } from './measure.ts';
import { mediasoupForwarder } from './mediasoup-forwarder.ts';
import { loopback, openNamespace, type Place } from './place.ts';
import { planFor } from './plan.ts';
import { referenceForwarder } from './reference-forwarder.ts';
import { findShape } from './shapes.ts';

/** A namespace where this machine allows one, as a container may not; else loopback, which counts likewise. */
function somewhere(): Place {
  try {
    return openNamespace();
  } catch {
    return loopback;
  }
}

const place = somewhere();
afterAll(() => place.close());

const conditions: Conditions = {
  profile: 'AEAD_AES_256_GCM',
  bandwidthEstimation: false,
  seconds: 1,
  place,
  forwarderCore: 0,
  generatorCore: availableParallelism() - 1,
};

it('the reference forwarder and a worker are measured, and the kernel counts the same datagrams', async () => {
  const { path } = await ensureWorker();
  const plan = planFor(findShape('100x1000x4'), 4);
  for (const forwarder of [referenceForwarder, mediasoupForwarder('worker', path, '')]) {
    const sample = await measure(forwarder, plan, 0, conditions);
    expect(sample.delivered).toBeGreaterThan(0);
    expect(sample.cpu).toBeGreaterThan(0);
    expect(sample.user + sample.system).toBeCloseTo(sample.cpu, 6);
    expect(sample.latency.p50).toBeGreaterThan(0);
    if (place.name === 'veth') {
      expect(sample.kernelCount).toBeGreaterThan(0.99);
      expect(sample.kernelCount).toBeLessThan(1.01);
    }
  }
}, 600_000);

it('of a simulcast meeting the worker forwards the highest layers', async () => {
  const { path } = await ensureWorker();
  const plan = planFor(findShape('meeting'), 2);
  const withEstimation = { ...conditions, bandwidthEstimation: true };
  const sample = await measure(mediasoupForwarder('worker', path, ''), plan, 0, withEstimation);
  // A busy machine may lose packets, which voids a sample too; a wrong layer is another reason.
  expect(sample.void ?? '').not.toContain('highest layer');
  expect(sample.delivered).toBeGreaterThan(0);
}, 600_000);
