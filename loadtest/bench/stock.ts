import { workerContext } from '../../workers/context.ts';
import { ensureWorker, findWorker, type WorkerBinary } from '../../workers/ensure.ts';
import { loadRecipe, type Recipe } from '../../workers/recipe.ts';

/** Without it no worker survives its first handshake here. */
const NEEDED = '0001-dtls-bio-callback-result.patch';

/** How this checkout builds its worker, less what it changes: upstream's own flags, and only the patch it needs. */
export function stockRecipe(recipe: Recipe = loadRecipe()): Recipe {
  return {
    ...recipe,
    compileFlags: ['-O3', ...recipe.compileFlags.filter((flag) => !/^-(O.|flto|march=|mtune=)/.test(flag))],
    patches: new Map([...recipe.patches].filter(([name]) => name === NEEDED)),
  };
}

/** The stock worker; built when first asked for (some ten minutes on two processors), and cached like the other. */
export async function ensureStockWorker(): Promise<WorkerBinary> {
  const context = workerContext({ recipe: stockRecipe() });
  const there = findWorker({ context, current: true, env: {} });
  if (there !== undefined) return there;
  console.error('building a stock media worker to compare with (once, some ten minutes)');
  return ensureWorker({ parts: { context, env: {} } });
}
