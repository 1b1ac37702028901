import { expect, test } from 'vitest';
import { MAX_REGIONS } from '../policy/parse-regions.ts';
import { openAnswerSchema } from './pipe-messages.ts';

test('a label may name as many regions as a policy has', () => {
  const regions = Array.from({ length: MAX_REGIONS }, (_, n) => `region-${n}`);
  const answer = { status: 'label', policy: '', label: { home: 'region-0', evidence: regions, regions } };
  expect(openAnswerSchema.parse(answer)).toEqual(answer);
  const more = { ...answer, label: { ...answer.label, regions: [...regions, 'one-more'] } };
  expect(openAnswerSchema.safeParse(more).success).toBe(false);
});
