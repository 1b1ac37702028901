import { workerContext } from '../context.ts';
import { ensureWorker, type WorkerBinary } from '../ensure.ts';
import type { OnProgress } from '../progress.ts';
import type { Recipe } from '../recipe.ts';
import { selfTest } from '../selftest.ts';

/** Some three times slower than the worker, on a machine that may do much else. */
const SELF_TEST_MS = 120_000;

/** The same sources and patches, with AddressSanitizer and UndefinedBehaviorSanitizer. */
function sanitizedRecipe(recipe: Recipe): Recipe {
  const flags = [
    '-g',
    '-O1',
    '-fno-omit-frame-pointer',
    '-fsanitize=address,undefined',
    // Would want the type information of libraries that have none.
    '-fno-sanitize=vptr',
  ];
  return {
    ...recipe,
    compileFlags: [...recipe.compileFlags.filter((flag) => flag !== '-O2'), ...flags],
    cFlags: [...recipe.cFlags.filter((flag) => flag !== '-O3'), ...flags],
    linkFlags: ['-fsanitize=address,undefined', ...recipe.linkFlags],
  };
}

/** The sanitized worker; built when first asked for (some ten minutes), and cached like the other. */
export async function ensureSanitizedWorker(onProgress?: OnProgress): Promise<WorkerBinary> {
  const context = workerContext({ recipe: sanitizedRecipe(workerContext().recipe) });
  return ensureWorker({
    ...(onProgress && { onProgress }),
    parts: {
      context,
      env: {},
      selfTest: (bin, options) => selfTest(bin, { ...options, timeoutMs: SELF_TEST_MS }),
    },
  });
}
