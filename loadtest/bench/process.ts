import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';

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
    for (const task of readdirSync(`/proc/${pid}/task`)) {
      total += Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'utf8').split(' ')[0]) / 1000;
    }
  }
  return { total, user, system };
}

/** Bytes of memory, shared pages divided among those that share them (PSS). */
export function memory(pids: readonly number[]): number {
  return pids.reduce((sum, pid) => {
    const kib = /^Pss:\s+(\d+) kB/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1];
    return sum + Number(kib ?? 0) * 1024;
  }, 0);
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
