import { readdirSync, readFileSync } from 'node:fs';

/** The mediasoup workers that are children of a process, by their numbers. */
export function workersOf(parent: number): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const stat = readFileSync(`/proc/${name}/stat`, 'utf8');
        const [state, ppid] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
        return (
          ppid === String(parent) &&
          state !== 'Z' &&
          readFileSync(`/proc/${name}/cmdline`, 'utf8').includes('mediasoup-worker')
        );
      } catch {
        return false;
      }
    })
    .map(Number);
}

/** Processor time that these processes have taken, with that of their children that have ended, in seconds. */
export function processorSeconds(pids: Iterable<number>): number {
  let ticks = 0;
  for (const pid of new Set(pids)) {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // From the third field on (proc(5)): utime, stime, cutime and cstime are the 14th to 17th, in 1/100 s.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    for (const field of fields.slice(11, 15)) ticks += Number(field);
  }
  return ticks / 100;
}
