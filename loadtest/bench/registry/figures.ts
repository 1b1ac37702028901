import { Redis } from 'ioredis';
import type { RedisServer } from '../../../src/registry/testing/redis-server.ts';

/** What something cost the Redis. */
export interface Cost {
  /** What the node asked: round trips share a pipeline where they can. */
  readonly requests: number;
  /** What Redis ran, with the commands of its scripts. */
  readonly commands: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  /** µs of Redis's processor. */
  readonly serverMicros: number;
  /** ms as the node sees it. */
  readonly p50Ms: number;
  readonly p99Ms: number;
}

/** How a node asks for most things; what scripts run is counted within. */
const SCRIPTS = ['evalsha', 'eval'];

/**
 * Runs something many times, one after another, and says what each time cost. `plain` is how many commands a node
 * asks each time that are no scripts.
 */
export async function costOf(
  admin: Redis,
  times: number,
  run: (i: number) => Promise<unknown>,
  plain: number,
): Promise<Cost> {
  await run(0);
  const before = await counters(admin);
  const taken: number[] = [];
  for (let i = 1; i <= times; i++) {
    const start = performance.now();
    await run(i);
    taken.push(performance.now() - start);
  }
  const after = await counters(admin);
  taken.sort((a, b) => a - b);
  const each = (what: keyof Counters) => (after[what] - before[what]) / times;
  return {
    requests: each('scripts') + plain,
    commands: each('commands'),
    bytesIn: each('bytesIn'),
    bytesOut: each('bytesOut'),
    serverMicros: each('micros'),
    p50Ms: taken[Math.floor(times * 0.5)] ?? Number.NaN,
    p99Ms: taken[Math.floor(times * 0.99)] ?? Number.NaN,
  };
}

interface Counters {
  readonly scripts: number;
  readonly commands: number;
  readonly bytesIn: number;
  readonly bytesOut: number;
  readonly micros: number;
}

/** Without what asking for them costs: `INFO` is counted by neither. */
async function counters(admin: Redis): Promise<Counters> {
  const stats = await admin.info('stats');
  const commands = [
    ...(await admin.info('commandstats')).matchAll(/^cmdstat_([a-z|]+):calls=(\d+),usec=(\d+)/gm),
  ];
  const sum = (of: readonly string[] | null, group: number) =>
    commands
      .filter(([, name = '']) => (of === null ? name !== 'info' : of.includes(name)))
      .reduce((total, match) => total + Number(match[group]), 0);
  const stat = (name: string) => Number(new RegExp(`^${name}:(\\d+)`, 'm').exec(stats)?.[1]);
  return {
    scripts: sum(SCRIPTS, 2),
    commands: sum(null, 2),
    bytesIn: stat('total_net_input_bytes'),
    bytesOut: stat('total_net_output_bytes'),
    // What a script runs is in its own time.
    micros: sum(SCRIPTS, 3),
  };
}

export async function usedMemory(admin: Redis): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await admin.info('memory'))?.[1]);
}

export function adminOf({ port }: RedisServer): Redis {
  return new Redis(port, '127.0.0.1', { replyMapping: 'legacy' });
}
