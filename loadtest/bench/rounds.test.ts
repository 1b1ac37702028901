import { availableParallelism } from 'node:os';
import { expect, it } from 'vitest';
import { loopback } from './place.ts';
import { planFor } from './plan.ts';
import { referenceForwarder } from './reference-forwarder.ts';
import { playRounds } from './rounds.ts';
import { findShape } from './shapes.ts';
import type { Conditions } from './subject.ts';

const conditions: Conditions = {
  profile: 'AEAD_AES_256_GCM',
  bandwidthEstimation: false,
  seconds: 0.5,
  place: loopback,
  forwarderCore: 0,
  generatorCore: availableParallelism() - 1,
};

it('all rounds are played with the same participants; who cannot carry it is tried three times and left out', async () => {
  let [opened, tried] = [0, 0];
  const working = {
    ...referenceForwarder,
    open: (...args: Parameters<typeof referenceForwarder.open>) => {
      opened += 1;
      return referenceForwarder.open(...args);
    },
  };
  const broken = {
    label: 'broken',
    about: '',
    open: () => {
      tried += 1;
      return Promise.reject(new Error('it does not start'));
    },
  };
  const { samples, cryptography } = await playRounds(
    planFor(findShape('100x200'), 2),
    [working, broken],
    conditions,
    { rounds: 3, fresh: false, onSample: () => {} },
    new AbortController().signal,
  );
  expect(samples.get('broken')?.map((sample) => sample.void)).toEqual(Array(3).fill('it does not start'));
  expect(tried).toBe(3);
  // A busy machine may void a sample, which takes new processes.
  const voids = samples.get('reference')?.filter((sample) => sample.void !== null) ?? [];
  expect(opened).toBe(1 + voids.length);
  expect(samples.get('reference')?.at(-1)?.delivered).toBeGreaterThan(0);
  expect(cryptography.get('reference')?.join()).toContain('libcrypto');
}, 60_000);

it('an interruption ends it', async () => {
  const stop = new AbortController();
  const { samples } = await playRounds(
    planFor(findShape('100x200'), 2),
    [referenceForwarder],
    conditions,
    { rounds: 100, fresh: false, onSample: () => stop.abort() },
    stop.signal,
  );
  expect(samples.get('reference')).toHaveLength(1);
}, 60_000);
