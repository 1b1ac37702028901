import { Redis } from 'ioredis';
import type { Processes } from '../target/processes.ts';
import type { Target } from '../target/target.ts';

/** Follows the target's processes that run on this machine. */
export async function watchTarget(processes: Processes, { nodes, redis }: Target): Promise<void> {
  for (const { id, pid } of nodes) if (pid !== null) processes.watch({ name: id, kind: 'node', pid });
  const pid = redis === null ? null : await pidOfRedis(redis);
  if (pid !== null) processes.watch({ name: 'redis', kind: 'redis', pid });
}

export function watchGenerator(
  processes: Processes,
  generator: readonly { readonly name: string; readonly pid: number }[],
): void {
  for (const { name, pid } of generator) processes.watch({ name, kind: 'generator', pid });
}

/** Redis says its own number; null when it does not answer. */
async function pidOfRedis(url: string): Promise<number | null> {
  const client = new Redis(url, { lazyConnect: true, maxRetriesPerRequest: 0, retryStrategy: () => null });
  client.on('error', () => undefined);
  try {
    await client.connect();
    const pid = /^process_id:(\d+)/m.exec(await client.info('server'))?.[1];
    return pid === undefined ? null : Number(pid);
  } catch {
    return null;
  } finally {
    client.disconnect();
  }
}
