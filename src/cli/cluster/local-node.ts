import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { ended } from './child.ts';
import { readySchema } from './messages.ts';

export interface NodeFiles {
  readonly config: string;
  /** The key of all development tokens of the cluster. */
  readonly tokenKey: string;
  readonly log: string;
  /** A policy for its directory alone; see `LayersOff`. */
  readonly directoryPolicy: string | null;
}

/** Starts a node's process: Node itself, so that its number is the node's own. */
export function spawnNode(program: string, files: NodeFiles): ChildProcess {
  const { config, tokenKey, directoryPolicy } = files;
  const args = [config, tokenKey, ...(directoryPolicy === null ? [] : [directoryPolicy])];
  const log = openSync(files.log, 'a', 0o600);
  try {
    return spawn(process.execPath, [program, ...args], {
      stdio: ['ignore', log, log, 'ipc'],
      // In a group of its own: a terminal's Ctrl-C is for the cluster, which closes its nodes in order.
      detached: true,
    });
  } finally {
    closeSync(log);
  }
}

/** Resolves once the node is ready. Rejects with its last words when it ends before. */
export async function readiness(child: ChildProcess, id: string, logFile: string): Promise<void> {
  const ready = new Promise<true>((resolve) => {
    child.on('message', (message) => {
      if (readySchema.safeParse(message).success) resolve(true);
    });
  });
  if (await Promise.race([ready, ended(child)])) return;
  const lines = readFileSync(logFile, 'utf8').trimEnd().split('\n');
  throw new Error(`${id} did not start: ${lines.slice(-3).join('\n')}`);
}
