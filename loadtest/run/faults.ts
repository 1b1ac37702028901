import { Redis } from 'ioredis';
import type { FaultResult } from '../report/result.ts';
import type { Fault } from '../scenario/schema.ts';
import type { Processes } from '../target/processes.ts';
import type { Target } from '../target/target.ts';
import type { Agents } from './agents.ts';
import type { Recorder } from './recorder.ts';

/** Interruptions that begin within this after a fault are its doing, in s. */
const BLAME = 20;
/** An interruption is dated from the last packet, which may have come just before, in s. */
const BEFORE = 1.5;

export interface FaultsOptions {
  readonly target: Target;
  readonly agents: Pick<Agents, 'impair'>;
  readonly processes: Processes;
  readonly recorder: Recorder;
  /** Seconds since the run began. */
  readonly now: () => number;
}

/** Does what a scenario plans to go wrong, and remembers it: what dies by our hand is no surprise. */
export class Faults {
  readonly #options: FaultsOptions;
  readonly #done: { at: number; what: string }[] = [];
  readonly #planned = new Set<number>();
  readonly #timers = new Set<NodeJS.Timeout>();

  constructor(options: FaultsOptions) {
    this.#options = options;
  }

  isPlanned(pid: number): boolean {
    return this.#planned.has(pid);
  }

  async inject(fault: Fault): Promise<void> {
    const { recorder, now, agents } = this.#options;
    const at = now();
    const record = (what: string, until: number | null = null): void => {
      this.#done.push({ at, what });
      recorder.event(at, 'fault', what, until);
    };
    switch (fault.do) {
      case 'kill-worker':
        this.#kill(
          this.#pidsIn(fault.in).flatMap((pid) => this.#options.processes.workersOf(pid).slice(0, 1)),
        );
        return record(`the media worker at ${fault.in} killed`);
      case 'kill-node':
        this.#kill(this.#pidsIn(fault.in).slice(0, 1));
        return record(`a node at ${fault.in} killed`);
      case 'kill-datacenter':
        this.#kill(this.#pidsIn(fault.in));
        return record(`datacenter ${fault.in} gone`);
      case 'stop-redis':
        await this.#pauseRedis(fault.for);
        return record('Redis answers nobody', at + fault.for);
      case 'impair': {
        const { do: _, at: _at, for: seconds, region = null, ...impairment } = fault;
        agents.impair(impairment, region);
        this.#later(seconds, () => agents.impair(null, region));
        const { loss, delay, jitter, reorder, duplicate, down, up } = impairment;
        const parts = [
          down === undefined ? '' : `${down} kbit/s down`,
          up === undefined ? '' : `${up} kbit/s up`,
          loss > 0 ? `${loss * 100} % loss` : '',
          delay + jitter > 0 ? `${delay} to ${delay + jitter} ms delay` : '',
          reorder > 0 ? `${reorder * 100} % reordered` : '',
          duplicate > 0 ? `${duplicate * 100} % twice` : '',
        ];
        const whose = region === null ? 'network' : `network of people in ${region}`;
        return record(`${whose}: ${parts.filter((part) => part !== '').join(', ')}`, at + seconds);
      }
    }
  }

  /** What became of each fault, by the interruptions that participants saw. */
  results(): FaultResult[] {
    return this.#done.map(({ at, what }, index) => {
      const next = this.#done[index + 1]?.at ?? Number.POSITIVE_INFINITY;
      const theirs = [...this.#options.recorder.interruptions.values()].flatMap((interruptions) =>
        interruptions
          .filter((one) => one.at >= at - BEFORE && one.at < Math.min(at + BLAME, next - BEFORE))
          .slice(0, 1),
      );
      const timesMs = theirs.flatMap(({ ms }) => (ms === null ? [] : Math.round(ms))).sort((a, b) => a - b);
      return {
        at: Math.round(at * 100) / 100,
        what,
        affected: theirs.length,
        longestMs: timesMs.at(-1) ?? null,
        timesMs,
        recovered: theirs.every(({ ms }) => ms !== null),
      };
    });
  }

  close(): void {
    for (const timer of this.#timers) clearTimeout(timer);
  }

  #pidsIn(datacenter: string): number[] {
    const { nodes } = this.#options.target;
    return nodes.flatMap((node) => (node.datacenter === datacenter && node.pid !== null ? [node.pid] : []));
  }

  /** As a crash: nothing is said. */
  #kill(pids: readonly number[]): void {
    if (pids.length === 0) this.#options.recorder.event(this.#options.now(), 'note', 'nothing there to kill');
    for (const pid of pids) {
      // A node takes its workers along.
      for (const planned of [pid, ...this.#options.processes.workersOf(pid)]) this.#planned.add(planned);
      if (this.#options.processes.isAlive(pid)) process.kill(pid, 'SIGKILL');
    }
  }

  async #pauseRedis(seconds: number): Promise<void> {
    const { redis } = this.#options.target;
    if (redis === null) throw new Error('stop-redis needs a cluster that this run started');
    const client = new Redis(redis, {
      lazyConnect: true,
      maxRetriesPerRequest: 0,
      retryStrategy: () => null,
    });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.client('PAUSE', Math.round(seconds * 1000), 'ALL');
    } finally {
      client.disconnect();
    }
  }

  #later(seconds: number, then: () => void): void {
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      then();
    }, seconds * 1000);
    this.#timers.add(timer);
  }
}
