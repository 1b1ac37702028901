import { copyFileSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { buildWorker } from './build.ts';
import {
  BINARY,
  fileSha256,
  privateDir,
  publishEntry,
  readEntry,
  type Verified,
  writePointer,
} from './cache.ts';
import { WorkerError } from './errors.ts';
import {
  explicitWorker,
  findWorker,
  fromCache,
  type WorkerBinary,
  type WorkerContext,
  workerContext,
} from './find.ts';
import { acquireLock, processIsAlive } from './lock.ts';
import { downloadWorker } from './prebuilt.ts';
import type { OnProgress } from './progress.ts';
import { selfTest } from './selftest.ts';
import { aptCommand } from './toolchain.ts';

/** How a worker is to be had. */
export interface EnsureOptions {
  /** A binary that the operator named; WATERSHED_WORKER_BIN counts otherwise. */
  readonly explicitBin?: string;
  readonly onProgress?: OnProgress;
  /** False: only what is there already (default true). */
  readonly build?: boolean;
  /** Ends a build cleanly. */
  readonly signal?: AbortSignal;
  /** Replaces parts of the work, for tests. */
  readonly parts?: Partial<EnsureParts>;
}

/** The expensive steps. */
export interface EnsureParts {
  readonly context: WorkerContext;
  readonly build: typeof buildWorker;
  readonly download: typeof downloadWorker;
  readonly selfTest: typeof selfTest;
  readonly env: NodeJS.ProcessEnv;
  /** How often to look whether somebody else's build is done, in ms. */
  readonly pollMs: number;
}

/**
 * The worker, whatever it takes: an explicit binary, the cache, a native build (about four minutes on two
 * cores), or, where there is no compiler, mediasoup's prebuilt download. What was built or fetched is used
 * only after real media went through it. Two callers at once build once.
 * @throws WorkerError that says what is missing and how to get it
 */
export async function ensureWorker(options: EnsureOptions = {}): Promise<WorkerBinary> {
  const parts = { build: buildWorker, download: downloadWorker, selfTest, ...options.parts };
  const explicit = explicitWorker(options.explicitBin, parts.env);
  if (explicit) return explicit;
  const context = parts.context ?? workerContext(parts.env ? { env: parts.env } : {});
  if (options.build === false) {
    const found = findWorker({ context, ...(parts.env && { env: parts.env }) });
    if (found) return found;
    throw new WorkerError('worker_not_found', 'there is no mediasoup worker yet: run `npm run setup`');
  }
  const key = context.keys.native ?? context.keys.prebuilt;
  const cached = (): WorkerBinary | undefined => {
    // Without a compiler, what was built here before still counts.
    if (context.keys.native === undefined) return findWorker({ context, env: {} });
    const entry = readEntry(context.cacheDir, key);
    return entry && fromCache(entry);
  };
  const lock = await acquireLock(join(context.cacheDir, `${key}.lock`), {
    done: () => cached() !== undefined,
    onWait: () => options.onProgress?.({ phase: 'wait' }),
    ...(options.signal && { signal: options.signal }),
    ...(parts.pollMs !== undefined && { pollMs: parts.pollMs }),
  });
  try {
    return cached() ?? (await make(context, key, options, parts));
  } finally {
    lock?.release();
  }
}

async function make(
  context: WorkerContext,
  key: string,
  { onProgress, signal }: EnsureOptions,
  parts: Pick<EnsureParts, 'build' | 'download' | 'selfTest'>,
): Promise<WorkerBinary> {
  removeAbandoned(context.cacheDir);
  const dir = privateDir(context.cacheDir);
  try {
    const native = context.keys.native !== undefined;
    const built = native
      ? await parts.build({ source: context.source, recipe: context.recipe, dir, onProgress, signal })
      : await download(context, dir, onProgress, signal, parts.download);
    // The entry holds the executable alone, not the objects it was made from.
    const entryDir = join(dir, 'entry');
    const bin = join(entryDir, BINARY);
    mkdirSync(entryDir);
    copyFileSync(built, bin);
    onProgress?.({ phase: 'verify' });
    await parts.selfTest(bin, signal ? { signal } : {});
    const verified: Verified = {
      sha256: fileSha256(bin),
      origin: native ? 'native' : 'prebuilt',
      version: context.source.version,
      built: [...context.toolchain.versions, ...context.recipe.patches.keys()],
    };
    const entry = publishEntry(context.cacheDir, key, entryDir, verified);
    if (native) writePointer(context.cacheDir, context.keys.sources, key);
    return { path: entry.path, origin: entry.origin, version: entry.version, sha256: entry.sha256 };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

async function download(
  context: WorkerContext,
  dir: string,
  onProgress: OnProgress | undefined,
  signal: AbortSignal | undefined,
  fetchWorker: EnsureParts['download'],
): Promise<string> {
  onProgress?.({ phase: 'download' });
  try {
    return await fetchWorker(context.source, dir, signal);
  } catch (cause) {
    signal?.throwIfAborted();
    const { missing } = context.toolchain;
    throw new WorkerError(
      'worker_tools_missing',
      `the mediasoup worker cannot be built: ${missing.join(', ')} missing, and no prebuilt one could be fetched. On Debian: ${aptCommand(missing)}`,
      { cause },
    );
  }
}

const ABANDONED_MS = 3_600_000;

/**
 * Removes the private folders of processes that ended without doing so. The age is asked too, since a cache
 * may be shared with containers or hosts whose process ids mean nothing here.
 */
function removeAbandoned(cacheDir: string): void {
  for (const name of readdirSync(cacheDir)) {
    const pid = /^\.work-(\d+)-/.exec(name)?.[1];
    if (pid === undefined || processIsAlive(Number(pid))) continue;
    const dir = join(cacheDir, name);
    if (Date.now() - statSync(dir).mtimeMs > ABANDONED_MS) rmSync(dir, { recursive: true, force: true });
  }
}
