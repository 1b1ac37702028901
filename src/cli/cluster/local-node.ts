import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { ended } from './child.ts';
import { readySchema } from './messages.ts';

/** Starts a node's process: Node itself, so that its number is the node's own. */
export function spawnNode(
  program: string,
  files: { config: string; key: string; log: string },
): ChildProcess {
  const log = openSync(files.log, 'a', 0o600);
  try {
    return spawn(process.execPath, [program, files.config, files.key], {
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
