import { expect, it } from 'vitest';
import { createLocator } from '../geo/locator.ts';
import { Health } from '../observability/health.ts';
import { watchReadiness } from './readiness.ts';

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
