import { readdirSync, readFileSync } from 'node:fs';

/** Kills every media worker that this very process started, and returns how many those were. */
export function killWorkers(): number {
  const pids = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && isOurWorker(name));
  for (const pid of pids) process.kill(Number(pid), 'SIGKILL');
  return pids.length;
}

function isOurWorker(pid: string): boolean {
  try {
    // "PID (COMMAND) STATE PPID …"
    const [, command = '', rest = ''] = /\((.*)\) (.*)/.exec(readFileSync(`/proc/${pid}/stat`, 'utf8')) ?? [];
    return command.startsWith('mediasoup') && rest.split(' ')[1] === String(process.pid);
  } catch {
    return false;
  }
}
