import { expect, it } from 'vitest';
import { nodeOf, zoom2020 } from '../cluster/testing/door.ts';
import { createLocator } from '../geo/locator.ts';
import { Health } from '../observability/health.ts';
import { watchAddresses, watchReadiness } from './readiness.ts';

it('says that the address database is missing, and not where it should be', async () => {
  const health = new Health();
  const locator = await createLocator({ database: '/nowhere/country.mmdb', development: false, private: [] });
  try {
    expect(locator.status().problem).toContain('/nowhere/country.mmdb');
    watchReadiness(health, {
      engine: { workers: () => [] },
      locator,
      membershipProblem: () => null,
      draining: () => false,
    });
    const { ready, reasons } = health.readiness();
    expect(ready).toBe(false);
    expect(reasons).toContainEqual({ check: 'geo', reason: 'the address database cannot be used' });
    expect(JSON.stringify(reasons)).not.toContain('/nowhere');
  } finally {
    locator.close();
  }
});

it('warns of addresses by which the cloud sends nobody here', () => {
  const policy = zoom2020();
  const warned = (change: { url?: string; datacenter?: string }, running: typeof policy | null = policy) => {
    const health = new Health();
    watchAddresses(health, () => running, { ...nodeOf(policy, 'fra'), ...change });
    return health.readiness().warnings;
  };
  expect(warned({})).toEqual([]);
  expect(warned({ url: 'wss://127.0.0.1:4433' })).toEqual([
    { check: 'address', reason: expect.stringContaining('http.publicUrl') },
  ]);
  expect(warned({ url: nodeOf(policy, 'sha').url })).toHaveLength(1);
  // Said by others already.
  expect(warned({ datacenter: 'nowhere' })).toEqual([]);
  expect(warned({ url: 'wss://127.0.0.1:4433' }, null)).toEqual([]);
});
