import { readdirSync, readFileSync } from 'node:fs';
import type { ProcessResult } from '../report/result.ts';

/** Clock ticks a second of /proc/PID/stat: 100 on every Linux that Node runs on (sysconf(_SC_CLK_TCK)). */
const TICKS = 100;
const PAGE = 4096;

export interface Watched {
  readonly name: string;
  readonly kind: ProcessResult['kind'];
  readonly pid: number;
}

export interface Sample {
  /** Share of one core since the last sample. */
  readonly cpu: number;
  /** CPU seconds since the last sample. */
  readonly cpuSeconds: number;
  /** Resident bytes. */
  readonly memory: number;
}

interface Stat {
  readonly parent: number;
  readonly command: string;
  readonly state: string;
  readonly ticks: number;
  readonly memory: number;
  /** Start of the process: with its number, its identity. */
  readonly born: string;
}

/** Follows processes of this machine: those it was told of, and the media workers that they start. */
export class Processes {
  readonly #watched = new Map<number, Watched & { born: string }>();
  readonly #last = new Map<number, { ticks: number; at: number }>();
  readonly #dead: Watched[] = [];

  watch(process: Watched): void {
    const stat = statOf(process.pid);
    if (stat !== null) this.#watched.set(process.pid, { ...process, born: stat.born });
  }

  /** Those that ended since the last call. */
  deaths(): Watched[] {
    return this.#dead.splice(0);
  }

  /** Whether a process that is watched still runs. */
  isAlive(pid: number): boolean {
    const known = this.#watched.get(pid);
    const stat = known === undefined ? null : statOf(pid);
    return stat !== null && stat.state !== 'Z' && stat.born === known?.born;
  }

  /** By name. */
  sample(): ReadonlyMap<string, Sample & Watched> {
    this.#findWorkers();
    const samples = new Map<string, Sample & Watched>();
    const now = performance.now();
    for (const [pid, watched] of this.#watched) {
      const stat = statOf(pid);
      if (stat === null || stat.state === 'Z' || stat.born !== watched.born) {
        this.#watched.delete(pid);
        this.#last.delete(pid);
        this.#dead.push({ name: watched.name, kind: watched.kind, pid });
        continue;
      }
      const before = this.#last.get(pid);
      this.#last.set(pid, { ticks: stat.ticks, at: now });
      const cpuSeconds = before === undefined ? 0 : (stat.ticks - before.ticks) / TICKS;
      const seconds = before === undefined ? 0 : (now - before.at) / 1000;
      samples.set(watched.name, {
        name: watched.name,
        kind: watched.kind,
        pid,
        cpu: seconds === 0 ? 0 : cpuSeconds / seconds,
        cpuSeconds,
        memory: stat.memory,
      });
    }
    return samples;
  }

  /** The media workers of a node. */
  workersOf(node: number): number[] {
    this.#findWorkers();
    return [...this.#watched.values()].flatMap(({ pid, kind }) =>
      kind === 'worker' && statOf(pid)?.parent === node ? [pid] : [],
    );
  }

  #findWorkers(): void {
    const nodes = [...this.#watched.values()].filter(({ kind }) => kind === 'node');
    for (const pid of pids()) {
      if (this.#watched.has(pid)) continue;
      const stat = statOf(pid);
      const node = nodes.find((candidate) => candidate.pid === stat?.parent);
      // The kernel keeps 15 characters of a command's name.
      if (stat === null || node === undefined || !stat.command.startsWith('mediasoup-worke')) continue;
      const names = new Set([...this.#watched.values()].map(({ name }) => name));
      let name = `${node.name} worker`;
      for (let next = 2; names.has(name); next += 1) name = `${node.name} worker ${next}`;
      this.#watched.set(pid, { name, kind: 'worker', pid, born: stat.born });
    }
  }
}

function pids(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number);
}

/** Fields of /proc/PID/stat (proc(5)); null where there is no such process. */
function statOf(pid: number): Stat | null {
  let text: string;
  try {
    text = readFileSync(`/proc/${pid}/stat`, 'latin1');
  } catch {
    return null;
  }
  const end = text.lastIndexOf(')');
  const fields = text.slice(end + 2).split(' ');
  const field = (number: number): number => Number(fields[number - 3] ?? 0);
  return {
    command: text.slice(text.indexOf('(') + 1, end),
    state: fields[0] ?? '',
    parent: field(4),
    ticks: field(14) + field(15),
    born: fields[19] ?? '',
    memory: field(24) * PAGE,
  };
}
