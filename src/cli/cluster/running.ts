import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { runtimeDirectory } from '../../tokens/development.ts';
import { bornAt, isRunning } from '../../tokens/process-id.ts';

/** A local cluster that runs, as another process of the same user finds it: `cluster down` ends it by its number. */
const recordSchema = z.object({
  pid: z.int().positive(),
  born: z.string().nullable(),
  /** Its files, keys among them: of a cluster that was killed, they are removed by whoever looks next. */
  directory: z.string(),
});
export type RunningCluster = z.infer<typeof recordSchema>;

function directory(): string {
  return join(runtimeDirectory(), 'clusters');
}

/** Makes the cluster of this process known until that ends, and clears away those that were killed. */
export function publishCluster(files: string): void {
  runningClusters();
  const dir = directory();
  mkdirSync(dir, { recursive: true, mode: 0o700 });
  const file = join(dir, `${process.pid}.json`);
  const record: RunningCluster = { pid: process.pid, born: bornAt(process.pid), directory: files };
  writeFileSync(file, JSON.stringify(record), { mode: 0o600 });
  process.once('exit', () => rmSync(file, { force: true }));
}

/** Those that run now. */
export function runningClusters(): readonly RunningCluster[] {
  const dir = directory();
  return names(dir).flatMap((name) => {
    const record = read(join(dir, name));
    if (record !== null && isRunning(record)) return [record];
    if (record !== null) rmSync(record.directory, { recursive: true, force: true });
    rmSync(join(dir, name), { force: true });
    return [];
  });
}

function names(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch {
    return [];
  }
}

function read(file: string): RunningCluster | null {
  try {
    return recordSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
  } catch {
    return null;
  }
}
