import { randomUUID } from 'node:crypto';
import { mkdirSync, readFileSync, renameSync, rmSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { z } from 'zod';

const owner = z.object({ id: z.string(), pid: z.number(), host: z.string() });

const HEARTBEAT_MS = 5_000;
/** A lock whose owner has not touched it for this long is dead: also on another host of a shared cache. */
const STALE_MS = 60_000;

/** A held lock. */
export interface Lock {
  /** Idempotent. */
  release(): void;
}

/**
 * Takes the lock file, or waits for it. It saves work and is not what correctness rests on: two who both
 * hold it, after one judged the other dead, build twice and publish once (cache.ts).
 * @param done asked between attempts; true ends the wait without the lock, because what it guards is there
 * @param onWait called once when somebody else holds it
 */
export async function acquireLock(
  file: string,
  options: {
    done: () => boolean;
    onWait?: () => void;
    signal?: AbortSignal;
    pollMs?: number;
    staleMs?: number;
  },
): Promise<Lock | undefined> {
  mkdirSync(dirname(file), { recursive: true });
  let waited = false;
  for (;;) {
    options.signal?.throwIfAborted();
    if (options.done()) return undefined;
    const id = randomUUID();
    if (tryCreate(file, id)) return hold(file, id);
    if (isStale(file, options.staleMs ?? STALE_MS)) {
      removeStale(file);
      continue;
    }
    if (!waited) options.onWait?.();
    waited = true;
    await delay(options.pollMs ?? 500, undefined, { signal: options.signal });
  }
}

function tryCreate(file: string, id: string): boolean {
  try {
    writeFileSync(file, JSON.stringify({ id, pid: process.pid, host: hostname() }), { flag: 'wx' });
    return true;
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false;
    throw error;
  }
}

function hold(file: string, id: string): Lock {
  // Somebody may have taken this one for dead and hold another by now.
  const isOurs = (): boolean => readOwner(file)?.id === id;
  const timer = setInterval(() => {
    if (isOurs()) utimesSync(file, new Date(), new Date());
  }, HEARTBEAT_MS);
  timer.unref();
  return {
    release() {
      clearInterval(timer);
      if (isOurs()) rmSync(file, { force: true });
    },
  };
}

function isStale(file: string, staleMs: number): boolean {
  try {
    const age = Date.now() - statSync(file).mtimeMs;
    if (age > staleMs) return true;
    const holder = readOwner(file);
    // Created and not yet written, or unreadable: its age will tell.
    return holder !== undefined && holder.host === hostname() && !processIsAlive(holder.pid);
  } catch {
    // Gone meanwhile: the next attempt to create it decides.
    return false;
  }
}

function removeStale(file: string): void {
  const aside = `${file}.${process.pid}.stale`;
  try {
    renameSync(file, aside);
    rmSync(aside, { force: true });
  } catch {
    // Another process was quicker.
  }
}

/** Whether a process of this machine with that id exists. */
export function processIsAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

function readOwner(file: string): z.infer<typeof owner> | undefined {
  try {
    return owner.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return undefined;
  }
}
