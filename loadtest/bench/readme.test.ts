import { expect, it } from 'vitest';
import { committedResult, performanceSection, sectionInReadme } from './readme.ts';

it("the README's figures are what the committed result says", () => {
  expect(sectionInReadme()).toBe(performanceSection(committedResult()));
});
