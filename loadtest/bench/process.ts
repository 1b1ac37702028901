import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { basename } from 'node:path';

/** Processor time used so far, in µs. */
export interface CpuTime {
  readonly total: number;
  /** The kernel's split of it, sampled: good to a few per cent over seconds. */
  readonly user: number;
  readonly system: number;
}

/** Of all threads of these processes. Softirqs that run in their context are in it. */
export function cpuTime(pids: readonly number[]): CpuTime {
  let [total, user, system] = [0, 0, 0];
  for (const pid of pids) {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1]?.split(' ') ?? [];
    // Fields 14 and 15 of proc(5), in ticks of 10 ms.
    user += Number(fields[11]) * 10_000;
    system += Number(fields[12]) * 10_000;
    // Exact to the nanosecond, for the threads that are there.
    for (const task of readdirSync(`/proc/${pid}/task`)) total += timeOfThread(pid, task);
  }
  return { total, user, system };
}

/** µs; none of one that has ended since the threads were listed. */
function timeOfThread(pid: number, task: string): number {
  const file = `/proc/${pid}/task/${task}/schedstat`;
  return existsSync(file) ? Number(readFileSync(file, 'utf8').split(' ')[0]) / 1000 : 0;
}

/** Bytes of memory that no file stands behind: what processes of one program share is not in it. */
export function memory(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const kib = /^Anonymous:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
    return sum + Number(kib ?? 0) * 1024;
  }, 0);
}

/** The shared libraries for encryption that a process has loaded, by the kernel's word: file names. */
export function cryptographyOf(pid: number): string[] {
  const files = readFileSync(`/proc/${pid}/maps`, 'utf8').match(/\/\S+\.so\b\S*/g) ?? [];
  const names = new Set(files.map((file) => basename(file)));
  return [...names].filter((name) => /srtp|libcrypto|libnss|softokn|freebl|gnutls|mbed/i.test(name)).sort();
}

/**
 * Puts a process with all its threads on one processor, ahead of all ordinary ones: whoever else uses the
 * machine then neither delays it nor shares its time. Returns false where that is not allowed.
 */
export function claimCore(pid: number, core: number): boolean {
  execFileSync('taskset', ['-apc', String(core), String(pid)], { stdio: 'ignore' });
  try {
    execFileSync('chrt', ['-a', '-r', '-p', '10', String(pid)], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Before a command: the kernel ends it when this process ends, however that ends. Held still, it would not notice. */
export const TETHER = ['setpriv', '--pdeathsig', 'KILL'] as const;

/** Holds processes still, or lets them go on; those that have ended are found out when they are asked something. */
export function hold(pids: readonly number[], still: boolean): void {
  for (const pid of pids) {
    try {
      process.kill(pid, still ? 'SIGSTOP' : 'SIGCONT');
    } catch {
      // It has ended.
    }
  }
}

/** Seconds that each processor of the machine was idle since it started. */
export function idleSeconds(): number[] {
  return readFileSync('/proc/stat', 'utf8')
    .split('\n')
    .filter((line) => /^cpu\d/.test(line))
    .map((line) => {
      const fields = line.split(/\s+/).map(Number);
      return ((fields[4] ?? 0) + (fields[5] ?? 0)) / 100;
    });
}
