import type { ChildProcess } from 'node:child_process';

/** Resolves once a child has ended, or could not be started; at once where it has. Never rejects. */
export function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.once('error', () => resolve());
  });
}

/** Ends a child in order, and by force after `forceMs`. */
export async function end(
  child: ChildProcess,
  ask: (child: ChildProcess) => void,
  forceMs: number,
): Promise<void> {
  const done = ended(child);
  if (child.exitCode !== null || child.signalCode !== null) return;
  ask(child);
  const force = setTimeout(() => child.kill('SIGKILL'), forceMs);
  await done;
  clearTimeout(force);
}
