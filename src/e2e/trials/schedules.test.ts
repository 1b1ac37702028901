import { expect, it } from 'vitest';
import { schedules } from './schedules.ts';

it('whatever freezes and thaws, nobody is told of, or let in at, a datacenter that is not allowed', async () => {
  // `npm run trial -- schedules` takes more rounds.
  const { knocks, admitted, breaches } = await schedules({ seed: 2020, rounds: 2, say: () => {} });
  expect(breaches).toEqual([]);
  expect(knocks).toBeGreaterThan(0);
  expect(admitted).toBeGreaterThan(0);
}, 240_000);
