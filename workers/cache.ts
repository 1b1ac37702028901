import { createHash, randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';

/** Name of the executable within an entry. */
export const BINARY = 'mediasoup-worker';

const MARKER = 'verified.json';

const marker = z.object({
  /** Of the executable, when the self-test passed. */
  sha256: z.string(),
  origin: z.enum(['native', 'prebuilt']),
  /** mediasoup's version. */
  version: z.string(),
  /** What it was built with, for people. */
  built: z.array(z.string()),
});

/** What is recorded beside a worker that passed its self-test. */
export type Verified = z.infer<typeof marker>;

/** A verified entry of the cache. */
export interface CacheEntry extends Verified {
  /** The executable. */
  readonly path: string;
}

/** Folder of the worker's cache, outside any checkout; it need not exist. */
export function workerCacheDir(env: NodeJS.ProcessEnv = process.env): string {
  const base = env.WATERSHED_CACHE_DIR || env.XDG_CACHE_HOME || join(homedir(), '.cache');
  return join(base, 'watershed', 'worker');
}

/**
 * The entry under a key, or nothing where it is missing, was never verified, or holds other bytes than those
 * that were verified. Reads and hashes the executable, which takes a few milliseconds.
 */
export function readEntry(cacheDir: string, key: string): CacheEntry | undefined {
  const path = join(cacheDir, key, BINARY);
  try {
    const verified = marker.parse(JSON.parse(readFileSync(join(cacheDir, key, MARKER), 'utf8')));
    return fileSha256(path) === verified.sha256 ? { ...verified, path } : undefined;
  } catch {
    return undefined;
  }
}

/** A private folder beside the entries, on the same file system, so that publishing is one rename. */
export function privateDir(cacheDir: string): string {
  const dir = join(cacheDir, `.work-${process.pid}-${randomBytes(4).toString('hex')}`);
  mkdirSync(dir, { recursive: true });
  return dir;
}

/**
 * Puts a folder that holds a tested executable into the cache: first the marker, then the folder under its
 * key, each by a rename, so that no reader ever sees less than a whole entry. Whoever comes second in a race
 * keeps the first one's entry. Returns the entry that stands.
 */
export function publishEntry(cacheDir: string, key: string, dir: string, verified: Verified): CacheEntry {
  const pending = join(dir, `${MARKER}.tmp`);
  writeFileSync(pending, `${JSON.stringify(verified, null, 2)}\n`);
  renameSync(pending, join(dir, MARKER));
  const target = join(cacheDir, key);
  for (let attempt = 0; attempt < 5; attempt += 1) {
    try {
      renameSync(dir, target);
    } catch (error) {
      if (!existsSync(target)) throw error;
      const standing = readEntry(cacheDir, key);
      if (standing) {
        rmSync(dir, { recursive: true, force: true });
        return standing;
      }
      // What is there is no whole entry: out of the way first, since another process may hold it open.
      const aside = privateDir(cacheDir);
      renameSync(target, join(aside, 'replaced'));
      rmSync(aside, { recursive: true, force: true });
      continue;
    }
    return { ...verified, path: join(target, BINARY) };
  }
  throw new Error(`the cache entry ${target} cannot be replaced`);
}

/** Hex SHA-256 of a file. */
export function fileSha256(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex');
}

const pointer = z.object({ key: z.string() });

/** Records which entry was made from a given set of sources, for a machine that has no compiler. */
export function writePointer(cacheDir: string, sourceKey: string, key: string): void {
  const pending = join(cacheDir, `.pointer-${process.pid}-${randomBytes(4).toString('hex')}`);
  writeFileSync(pending, JSON.stringify({ key }));
  renameSync(pending, join(cacheDir, `${sourceKey}.pointer`));
}

/** The key recorded for a set of sources. */
export function readPointer(cacheDir: string, sourceKey: string): string | undefined {
  try {
    return pointer.parse(JSON.parse(readFileSync(join(cacheDir, `${sourceKey}.pointer`), 'utf8'))).key;
  } catch {
    return undefined;
  }
}
