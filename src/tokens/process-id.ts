import { readFileSync } from 'node:fs';

/** A process by its number and its birth: numbers are given again to others. */
export interface ProcessId {
  readonly pid: number;
  /** Start of the process in clock ticks since boot; null where the system does not say. */
  readonly born: string | null;
}

export function isRunning({ pid, born }: ProcessId): boolean {
  try {
    process.kill(pid, 0);
  } catch (error) {
    // EPERM: alive, and another user's.
    if (!(error instanceof Error && 'code' in error && error.code === 'EPERM')) return false;
  }
  return born === null || born === bornAt(pid);
}

/** Field 22 of /proc/PID/stat (proc(5)); null where there is no such file. */
export function bornAt(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19] ?? null;
  } catch {
    return null;
  }
}
