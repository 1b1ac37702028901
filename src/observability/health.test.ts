import { expect, it } from 'vitest';
import { Health } from './health.ts';

it('is ready when every check is fine, and names each that is not', () => {
  const health = new Health();
  let problem: string | null = null;
  health.add('policy', () => null);
  health.add('geo', () => problem);
  expect(health.readiness()).toEqual({ ready: true, reasons: [], warnings: [] });
  problem = 'ENOENT';
  expect(health.readiness()).toMatchObject({ ready: false, reasons: [{ check: 'geo', reason: 'ENOENT' }] });
  problem = null;
  expect(health.readiness().ready).toBe(true);
});

it('is not ready when a check throws, without quoting it', () => {
  const health = new Health();
  health.add('workers', () => {
    throw new Error('seekrit');
  });
  expect(health.readiness()).toMatchObject({
    ready: false,
    reasons: [{ check: 'workers', reason: 'the check failed' }],
  });
});

it('tells warnings, and is ready all the same', () => {
  const health = new Health();
  health.addWarning('policy', () => 'refused');
  health.addWarning('expiry', () => null);
  expect(health.readiness()).toEqual({
    ready: true,
    reasons: [],
    warnings: [{ check: 'policy', reason: 'refused' }],
  });
  expect(() => health.addWarning('policy', () => null)).toThrow(/already/);
});

it('is ready again when what was not is removed', () => {
  const health = new Health();
  const remove = health.add('draining', () => 'shutting down');
  expect(() => health.add('draining', () => null)).toThrow(/already/);
  remove();
  expect(health.readiness().ready).toBe(true);
});
