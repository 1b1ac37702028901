import { chmodSync, lstatSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { TokenIssuer } from './issue.ts';
import { exportPrivatePem, KeyError, parseSigningKey } from './keys.ts';
import { bornAt, isRunning } from './process-id.ts';

/** The issuer that a standalone node makes a key for at each start. */
export const DEVELOPMENT_ISSUER = 'watershed-development';

/**
 * The development key of a running node, as another process of the same user finds it: `watershed token` signs
 * with it. One file for each process, readable by its owner alone, removed when the process ends; what a killed
 * process left behind is recognised and ignored.
 */
export interface DevelopmentKey extends TokenIssuer {
  /** WebSocket base URL of a node that accepts its tokens. */
  readonly url: string;
  readonly pid: number;
  /** Milliseconds since the epoch. */
  readonly startedAt: number;
}

/** What `publishDevelopmentKey` gives back; `remove` is idempotent. */
export interface PublishedKey {
  readonly file: string;
  remove(): void;
}

type Env = Readonly<Record<string, string | undefined>>;

/** `$XDG_RUNTIME_DIR/watershed`, or `~/.cache/watershed/run` where there is none. */
export function runtimeDirectory(env: Env = process.env): string {
  const runtime = env.XDG_RUNTIME_DIR;
  if (runtime !== undefined && runtime !== '') return join(runtime, 'watershed');
  return join(env.HOME || homedir(), '.cache', 'watershed', 'run');
}

/** Publishes the key for this process's lifetime. Throws KeyError when there is no safe place for it. */
export function publishDevelopmentKey(
  issuer: TokenIssuer,
  url: string,
  options: { env?: Env; now?: number } = {},
): PublishedKey {
  const dir = runtimeDirectory(options.env);
  try {
    mkdirSync(dir, { recursive: true, mode: 0o700 });
    requirePrivate(dir);
    chmodSync(dir, 0o700);
  } catch (cause) {
    if (cause instanceof KeyError) throw cause;
    throw new KeyError(`${dir}: the development key cannot be kept there: set XDG_RUNTIME_DIR`, { cause });
  }
  removeStale(dir);
  const file = join(dir, `${process.pid}-${new URL(url).port || 'default'}.json`);
  const record: z.input<typeof recordSchema> = {
    pid: process.pid,
    born: bornAt(process.pid),
    startedAt: options.now ?? Date.now(),
    url,
    issuer: issuer.issuer,
    cloud: issuer.cloud,
    key: exportPrivatePem(issuer.key),
  };
  rmSync(file, { force: true });
  // wx: never through a link that somebody put there.
  writeFileSync(file, JSON.stringify(record), { mode: 0o600, flag: 'wx' });
  const remove = () => rmSync(file, { force: true });
  process.once('exit', remove);
  return {
    file,
    remove() {
      process.off('exit', remove);
      remove();
    },
  };
}

/** The keys of nodes that run now, the one started last first. */
export function findDevelopmentKeys(env: Env = process.env): readonly DevelopmentKey[] {
  const dir = runtimeDirectory(env);
  return names(dir)
    .flatMap((name) => {
      const record = readRecord(join(dir, name));
      if (record === null || !isRunning(record)) return [];
      const key = parseSigningKey(record.key, join(dir, name));
      const { pid, startedAt, url, issuer, cloud } = record;
      return [{ pid, startedAt, url, issuer, cloud, key }];
    })
    .sort((a, b) => b.startedAt - a.startedAt);
}

const recordSchema = z.object({
  pid: z.int().positive(),
  /** Start of the process in clock ticks since boot; null where the system does not say. */
  born: z.string().nullable(),
  startedAt: z.number(),
  url: z.string(),
  issuer: z.string(),
  cloud: z.string(),
  key: z.string(),
});
type KeyRecord = z.infer<typeof recordSchema>;

function names(dir: string): string[] {
  try {
    return readdirSync(dir).filter((name) => name.endsWith('.json'));
  } catch {
    return [];
  }
}

/** Null for what is no record: half written, another version's, or gone by now. */
function readRecord(file: string): KeyRecord | null {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return null;
  }
}

function removeStale(dir: string): void {
  for (const name of names(dir)) {
    const record = readRecord(join(dir, name));
    if (record !== null && !isRunning(record)) rmSync(join(dir, name), { force: true });
  }
}

/** A directory that is ours, and no link to another. */
function requirePrivate(dir: string): void {
  const stats = lstatSync(dir);
  const { uid } = userInfo();
  if (!stats.isDirectory() || (uid >= 0 && stats.uid !== uid)) {
    throw new KeyError(`${dir}: not a directory of this user: the development key is not kept there`);
  }
}
