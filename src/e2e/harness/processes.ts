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
