import { accessSync, constants, copyFileSync, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { buildWorker } from './build.ts';
import {
  BINARY,
  type CacheEntry,
  fileSha256,
  privateDir,
  publishEntry,
  readEntry,
  readPointer,
  type Verified,
  writePointer,
} from './cache.ts';
import { type WorkerContext, workerContext } from './context.ts';
import { WorkerError } from './errors.ts';
import { fetchLibsrtp, type LibsrtpSource } from './libsrtp.ts';
import { acquireLock, processIsAlive } from './lock.ts';
import { downloadWorker } from './prebuilt.ts';
import type { OnProgress } from './progress.ts';
import { selfTest } from './selftest.ts';
import { mediasoupSource } from './source.ts';
import { aptCommand } from './toolchain.ts';

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
  readonly libsrtp: typeof fetchLibsrtp;
  readonly download: typeof downloadWorker;
  readonly selfTest: typeof selfTest;
  readonly env: NodeJS.ProcessEnv;
  /** How often to look whether somebody else's build is done, in ms. */
  readonly pollMs: number;
}

/**
 * The worker that is there, without building or fetching anything: an explicit one, else the cached one for
 * this machine, else one that was built from the same sources with other library versions (a security update
 * must not keep a node from starting; `ensureWorker` rebuilds), else a cached prebuilt one.
 * @param options.explicitBin overrides WATERSHED_WORKER_BIN
 * @param options.current only one that `ensureWorker` would return as it is
 * @throws WorkerError `worker_explicit_unusable`; a binary that was named is never silently replaced
 */
export function findWorker(
  options: {
    explicitBin?: string | undefined;
    current?: boolean;
    context?: WorkerContext;
    env?: NodeJS.ProcessEnv;
  } = {},
): WorkerBinary | undefined {
  const explicit = explicitWorker(options.explicitBin, options.env);
  if (explicit) return explicit;
  const { cacheDir, keys } = options.context ?? workerContext(options.env ? { env: options.env } : {});
  // Where there is no compiler, nothing better can be had than what was built or fetched earlier.
  const others =
    options.current && keys.native !== undefined
      ? []
      : [keys.fallback, readPointer(cacheDir, keys.sources), keys.prebuilt];
  for (const key of [keys.native, ...others]) {
    const entry = key === undefined ? undefined : readEntry(cacheDir, key);
    if (entry) return fromCache(entry);
  }
  return undefined;
}

/** What the operator named by argument or environment, or nothing. */
function explicitWorker(
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
function fromCache(entry: CacheEntry): WorkerBinary {
  const { path, version, sha256 } = entry;
  return { path, origin: entry.origin === 'native' ? 'cache' : 'prebuilt', version, sha256 };
}

/**
 * The worker, whatever it takes: an explicit binary, the cache, a native build (about four minutes on two
 * cores), or, where there is no compiler, mediasoup's prebuilt download. What was built or fetched is used
 * only after real media went through it. Two callers at once build once.
 * @throws WorkerError that says what is missing and how to get it
 */
export async function ensureWorker(options: EnsureOptions = {}): Promise<WorkerBinary> {
  const parts = {
    build: buildWorker,
    libsrtp: fetchLibsrtp,
    download: downloadWorker,
    selfTest,
    ...options.parts,
  };
  const explicit = explicitWorker(options.explicitBin, parts.env);
  if (explicit) return explicit;
  const context = parts.context ?? workerContext(parts.env ? { env: parts.env } : {});
  if (options.build === false) {
    const found = findWorker({ context, ...(parts.env && { env: parts.env }) });
    if (found) return found;
    throw new WorkerError('worker_not_found', 'there is no mediasoup worker yet: run `npm run setup`');
  }
  const key = context.keys.native ?? context.keys.prebuilt;
  const cached = (): WorkerBinary | undefined => findWorker({ context, current: true, env: {} });
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
  options: EnsureOptions,
  parts: Pick<EnsureParts, 'build' | 'libsrtp' | 'download' | 'selfTest'>,
): Promise<WorkerBinary> {
  const { onProgress, signal } = options;
  const { cacheDir, keys, recipe, source, toolchain } = context;
  removeAbandoned(cacheDir);
  const dir = privateDir(cacheDir);
  const inDir = (name: string): string => {
    mkdirSync(join(dir, name));
    return join(dir, name);
  };
  try {
    const native = keys.native !== undefined;
    const libsrtp = native
      ? await libsrtpSource(context, inDir('libsrtp-source'), options, parts.libsrtp)
      : undefined;
    const entryKey = native && !libsrtp ? (keys.fallback ?? key) : key;
    const earlier = entryKey === key ? undefined : readEntry(cacheDir, entryKey);
    if (earlier) return fromCache(earlier);
    const built = native
      ? await parts.build({
          source,
          recipe: libsrtp ? recipe : { ...recipe, srtp: 'system' },
          libsrtp,
          dir: inDir('build'),
          onProgress,
          signal,
        })
      : await download(context, dir, onProgress, signal, parts.download);
    // The entry holds the executable alone, not the objects it was made from.
    const entryDir = inDir('entry');
    const bin = join(entryDir, BINARY);
    copyFileSync(built, bin);
    onProgress?.({ phase: 'verify' });
    await parts.selfTest(bin, signal ? { signal } : {});
    const verified: Verified = {
      sha256: fileSha256(bin),
      origin: native ? 'native' : 'prebuilt',
      version: source.version,
      built: [
        ...toolchain.versions,
        ...recipe.patches.keys(),
        libsrtp ? `libsrtp ${libsrtp.version} with OpenSSL` : "the system's libsrtp",
      ],
    };
    const entry = publishEntry(cacheDir, entryKey, entryDir, verified);
    if (native) writePointer(cacheDir, keys.sources, entryKey);
    return { path: entry.path, origin: entry.origin, version: entry.version, sha256: entry.sha256 };
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

/** libsrtp's source, or nothing, after saying so: a worker with the system's is slower, not worse. */
async function libsrtpSource(
  { toolchain }: WorkerContext,
  dir: string,
  { onProgress, signal }: EnsureOptions,
  fetchSource: EnsureParts['libsrtp'],
): Promise<LibsrtpSource | undefined> {
  onProgress?.({ phase: 'source' });
  const found = await fetchSource(toolchain.srtpVersion, dir, signal);
  if ('dir' in found) return found;
  onProgress?.({
    phase: 'source',
    warning: `SRTP uses the system's libsrtp (NSS, more CPU per packet), because the source of libsrtp2 could not be had: ${found.reason}`,
  });
  return undefined;
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
