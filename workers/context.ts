import { workerCacheDir } from './cache.ts';
import { loadRecipe, type Recipe, recipeKey } from './recipe.ts';
import { type MediasoupSource, mediasoupSource } from './source.ts';
import { findToolchain, type Toolchain } from './toolchain.ts';

/** Everything the search depends on; tests give their own. */
export interface WorkerContext {
  readonly cacheDir: string;
  readonly source: MediasoupSource;
  readonly recipe: Recipe;
  readonly toolchain: Toolchain;
  readonly keys: WorkerKeys;
}

/** The cache's keys for one checkout on one machine. */
export interface WorkerKeys {
  /** Of the worker that a native build makes now; none where tools are missing. */
  readonly native: string | undefined;
  /** Of the same with the system's libsrtp, made where the library's source could not be had. */
  readonly fallback: string | undefined;
  /** Of the sources and the recipe alone: names the pointer to the last worker built from them. */
  readonly sources: string;
  readonly prebuilt: string;
}

/** Reads what is installed and what this checkout says. A few milliseconds; starts no process. */
export function workerContext(
  overrides: Partial<Omit<WorkerContext, 'keys'>> & { env?: NodeJS.ProcessEnv } = {},
): WorkerContext {
  const source = overrides.source ?? mediasoupSource();
  const toolchain = overrides.toolchain ?? findToolchain();
  const recipe = overrides.recipe ?? {
    ...loadRecipe(),
    ...(toolchain.ipsecMbVersion !== undefined && { ipsecMb: toolchain.ipsecMbVersion }),
  };
  // A machine that only runs workers has none of the libraries that they were built with.
  const { ipsecMb: _, ...sources } = recipe;
  const nativeKey = (made: Recipe): string | undefined =>
    toolchain.missing.length > 0 ? undefined : recipeKey(made, source.version, toolchain.versions);
  return {
    cacheDir: overrides.cacheDir ?? workerCacheDir(overrides.env),
    source,
    recipe,
    toolchain,
    keys: {
      native: nativeKey(recipe),
      fallback: nativeKey({ ...recipe, srtp: 'system' }),
      sources: `sources-${recipeKey(sources, source.version, [])}`,
      prebuilt: `prebuilt-${source.version}-${process.platform}-${process.arch}`,
    },
  };
}
