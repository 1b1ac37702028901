import { accessSync, constants } from 'node:fs';
import { resolve } from 'node:path';
import { type CacheEntry, fileSha256, readEntry, readPointer, workerCacheDir } from './cache.ts';
import { WorkerError } from './errors.ts';
import { loadRecipe, type Recipe, recipeKey } from './recipe.ts';
import { type MediasoupSource, mediasoupSource } from './source.ts';
import { findToolchain, type Toolchain } from './toolchain.ts';

/** A mediasoup-worker executable that may be used. */
export interface WorkerBinary {
  /** Absolute. */
  readonly path: string;
  /**
   * `explicit` was named by the operator; `cache` was built here earlier, and `native` just now; `prebuilt` is
   * mediasoup's own download, without our patches, whether cached or new.
   */
  readonly origin: 'explicit' | 'cache' | 'native' | 'prebuilt';
  /** mediasoup's version (of the package, for an explicit binary: which one that is, is the operator's affair). */
  readonly version: string;
  /** Hex SHA-256 of the executable. */
  readonly sha256: string;
}

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
  /** Of the sources and the recipe alone: names the pointer to the last worker built from them. */
  readonly sources: string;
  readonly prebuilt: string;
}

/** Reads what is installed and what this checkout says. A few milliseconds; starts no process. */
export function workerContext(
  overrides: Partial<Omit<WorkerContext, 'keys'>> & { env?: NodeJS.ProcessEnv } = {},
): WorkerContext {
  const source = overrides.source ?? mediasoupSource();
  const recipe = overrides.recipe ?? loadRecipe();
  const toolchain = overrides.toolchain ?? findToolchain();
  return {
    cacheDir: overrides.cacheDir ?? workerCacheDir(overrides.env),
    source,
    recipe,
    toolchain,
    keys: {
      native:
        toolchain.missing.length > 0 ? undefined : recipeKey(recipe, source.version, toolchain.versions),
      sources: `sources-${recipeKey(recipe, source.version, [])}`,
      prebuilt: `prebuilt-${source.version}-${process.platform}-${process.arch}`,
    },
  };
}

/**
 * The worker that is there, without building or fetching anything: an explicit one, else the cached one for
 * this machine, else one that was built from the same sources with other library versions (a security update
 * must not keep a node from starting; `ensureWorker` rebuilds), else a cached prebuilt one.
 * @param options.explicitBin overrides WATERSHED_WORKER_BIN
 * @throws WorkerError `worker_explicit_unusable`; a binary that was named is never silently replaced
 */
export function findWorker(
  options: { explicitBin?: string | undefined; context?: WorkerContext; env?: NodeJS.ProcessEnv } = {},
): WorkerBinary | undefined {
  const explicit = explicitWorker(options.explicitBin, options.env);
  if (explicit) return explicit;
  const context = options.context ?? workerContext(options.env ? { env: options.env } : {});
  const { cacheDir, keys } = context;
  for (const key of [keys.native, readPointer(cacheDir, keys.sources), keys.prebuilt]) {
    const entry = key === undefined ? undefined : readEntry(cacheDir, key);
    if (entry) return fromCache(entry);
  }
  return undefined;
}

/** What the operator named by argument or environment, or nothing. */
export function explicitWorker(
  argument: string | undefined,
  env: NodeJS.ProcessEnv = process.env,
): WorkerBinary | undefined {
  const named = argument || env.WATERSHED_WORKER_BIN;
  if (!named) return undefined;
  const path = resolve(named);
  try {
    accessSync(path, constants.X_OK);
    return { path, origin: 'explicit', version: mediasoupSource().version, sha256: fileSha256(path) };
  } catch (cause) {
    throw new WorkerError(
      'worker_explicit_unusable',
      `${path} was named as the mediasoup worker but is no executable file; correct or unset WATERSHED_WORKER_BIN (or the option that named it)`,
      { cause },
    );
  }
}

/** How a cached entry is presented. */
export function fromCache(entry: CacheEntry): WorkerBinary {
  const { path, version, sha256 } = entry;
  return { path, origin: entry.origin === 'native' ? 'cache' : 'prebuilt', version, sha256 };
}
