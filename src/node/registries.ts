import { readFile } from 'node:fs/promises';
import { readHostPort, redisHost } from '../config/registry.ts';
import type { NodeConfig } from '../config/schema.ts';
import { MemoryRegistry } from '../registry/memory.ts';
import type { Registry } from '../registry/port.ts';
import type { HostPort, RedisPlace } from '../registry/redis/client.ts';
import { RedisRegistry } from '../registry/redis/registry.ts';

/** The registry that the configuration names. Rejects when a file that it names cannot be read. */
export async function createRegistry(
  { registry }: Pick<NodeConfig, 'registry'>,
  cloud: string,
  log: { debug(fields: object, message: string): void; warn(fields: object, message: string): void },
): Promise<Registry> {
  if (registry.kind === 'memory') return new MemoryRegistry();
  const { tls, username, passwordFile } = registry;
  const [ca, cert, key] = await Promise.all(
    [tls?.ca, tls?.cert, tls?.key].map((file) => (file ? read(file) : undefined)),
  );
  return new RedisRegistry({
    cloud,
    at: await place(registry),
    tls: tls && {
      ...(ca !== undefined && { ca }),
      ...(cert !== undefined && { cert }),
      ...(key !== undefined && { key }),
    },
    username,
    password: await secret(passwordFile),
    // The heartbeat says when it begins and ends; this is each attempt.
    onError: (error) => log.debug({ err: error }, 'redis'),
    onSpoilt: () =>
      log.warn({}, 'a room in the Redis was larger than any of ours, which went: who else writes to it?'),
  });
}

async function place(registry: NodeConfig['registry']): Promise<RedisPlace['at']> {
  const { url, sentinels, name, nodes, sentinelPasswordFile } = registry;
  if (nodes.length > 0) return { kind: 'cluster', nodes: nodes.flatMap(hostPort) };
  if (sentinels.length > 0 && name !== null) {
    const sentinelPassword = await secret(sentinelPasswordFile);
    return { kind: 'sentinel', sentinels: sentinels.flatMap(hostPort), name, sentinelPassword };
  }
  const host = url === null ? null : redisHost(url);
  if (host === null) throw new Error('registry: no url, sentinels or nodes');
  return { kind: 'single', ...host };
}

function hostPort(text: string): HostPort[] {
  const found = readHostPort(text);
  return found === null ? [] : [found];
}

async function secret(file: string | null): Promise<string | null> {
  return file === null ? null : (await read(file)).replace(/\r?\n$/, '');
}

async function read(file: string): Promise<string> {
  try {
    return await readFile(file, 'utf8');
  } catch (error) {
    const cause = error instanceof Error && 'code' in error ? error.code : error;
    throw new Error(`registry: ${file} cannot be read (${cause})`, { cause: error });
  }
}
