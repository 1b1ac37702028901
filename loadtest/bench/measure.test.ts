import { availableParallelism } from 'node:os';
import { afterAll, expect, it } from 'vitest';
import { ensureWorker } from '../../workers/ensure.ts';
import type { Forwarder } from './forwarder.ts';
import { measure, type Sample } from './measure.ts';
import { mediasoupForwarder } from './mediasoup-forwarder.ts';
import { loopback, openNamespace, type Place } from './place.ts';
import { type Plan, planFor } from './plan.ts';
import { batchedForwarder, referenceForwarder } from './reference-forwarder.ts';
import { findShape } from './shapes.ts';
import { type Conditions, closeSubject, openSubject } from './subject.ts';

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

/** Twice, with the same participants, who are silent in between: the second time counts. */
async function measured(forwarder: Forwarder, plan: Plan, under: Conditions = conditions): Promise<Sample> {
  const subject = await openSubject(forwarder, plan, under);
  try {
    await measure(subject, [subject], 0, 0, under);
    return await measure(subject, [subject], 1, 0.5, under);
  } finally {
    await closeSubject(subject);
  }
}

it('the reference forwarder and a worker are measured, and the kernel counts the same datagrams', async () => {
  const { path } = await ensureWorker();
  const plan = planFor(findShape('100x1000x4'), 4);
  for (const forwarder of [referenceForwarder, batchedForwarder, mediasoupForwarder('worker', path, '')]) {
    const sample = await measured(forwarder, plan);
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
  const sample = await measured(mediasoupForwarder('worker', path, ''), plan, withEstimation);
  // A busy machine may lose packets, which voids a sample too; a wrong layer is another reason.
  expect(sample.void ?? '').not.toContain('highest layer');
  expect(sample.delivered).toBeGreaterThan(0);
}, 600_000);
