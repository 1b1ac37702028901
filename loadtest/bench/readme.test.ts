import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { performanceTable } from './readme.ts';
import type { MediaResult } from './result.ts';

const root = join(import.meta.dirname, '../..');

it("the README's table is what the committed result says", () => {
  const result: MediaResult = JSON.parse(readFileSync(join(root, 'loadtest/results/media.json'), 'utf8'));
  expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain(performanceTable(result));
});
