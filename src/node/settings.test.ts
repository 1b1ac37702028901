import { expect, test } from 'vitest';
import { loadNodeConfig } from '../config/load.ts';
import { mediaOptions } from './settings.ts';

test.each([
  ['production', false],
  ['development', true],
] as const)('in %s a worker may take media from addresses that were not judged: %s', (mode, may) => {
  const file = new URL('../../config/node.yaml', import.meta.url).pathname;
  const config = loadNodeConfig({ file, env: {} });
  expect(mediaOptions({ ...config, mode }, '/worker').mayTakeUnjudged).toBe(may);
});
