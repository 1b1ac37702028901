import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { expect, test } from 'vitest';
import { METHOD } from './judged-addresses.ts';

test("the method is still the library's harmless one", () => {
  const lib = dirname(createRequire(import.meta.url).resolve('mediasoup'));
  const methods = readFileSync(join(lib, 'fbs/request/method.js'), 'utf8');
  expect(methods).toContain(`Method[Method["TRANSPORT_DUMP"] = ${METHOD}]`);
});
