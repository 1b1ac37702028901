import type { ConnectionOptions } from 'node:tls';
import { Cluster, Redis } from 'ioredis';

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Where a cloud's Redis is, and how it is spoken to. */
export interface RedisPlace {
  readonly at:
    | ({ readonly kind: 'single' } & HostPort)
    | {
        readonly kind: 'sentinel';
        readonly sentinels: readonly HostPort[];
        /** Of the group of servers that the sentinels watch. */
        readonly name: string;
        readonly sentinelPassword: string | null;
      }
    | { readonly kind: 'cluster'; readonly nodes: readonly HostPort[] };
  /** Null: without TLS. Of sentinels too, where there are any. */
  readonly tls: ConnectionOptions | null;
  /** Of an ACL user; null for the default user. */
  readonly username: string | null;
  readonly password: string | null;
}

export type RedisClient = Redis | Cluster;

/** Waits between attempts to connect, in ms: doubling, with jitter so that a cloud's nodes do not come at once. */
function backOff(times: number): number {
  return Math.min(100 * 2 ** (times - 1), 2000) * (0.75 + Math.random() / 2);
}

/**
 * A client that connects, and keeps connecting. It keeps nothing for later: what cannot be sent now, or was under way
 * when the connection was lost, is rejected, and repeated by whoever still wants it.
 */
export function connectRedis({ at, tls, username, password }: RedisPlace, commandMs: number): RedisClient {
  const common = {
    connectTimeout: 2000,
    commandTimeout: commandMs,
    // A server that says nothing for so long is gone, though the socket may not know it.
    socketTimeout: 2 * commandMs,
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    disableClientInfo: true,
    keepAlive: 5000,
    // After a failover the old server may still answer, and takes no writes.
    reconnectOnError: (error: Error) => error.message.startsWith('READONLY'),
    ...(tls !== null && { tls }),
    ...(username !== null && { username }),
    ...(password !== null && { password }),
  };
  if (at.kind === 'cluster') {
    return new Cluster([...at.nodes], {
      enableOfflineQueue: false,
      clusterRetryStrategy: backOff,
      clusterNodeRetryStrategy: backOff,
      slotsRefreshTimeout: 2000,
      maxRedirections: 4,
      redisOptions: common,
    });
  }
  const single = { ...common, enableOfflineQueue: false, retryStrategy: backOff };
  if (at.kind === 'single') return new Redis({ ...single, host: at.host, port: at.port });
  return new Redis({
    ...single,
    sentinels: [...at.sentinels],
    name: at.name,
    sentinelRetryStrategy: backOff,
    sentinelCommandTimeout: commandMs,
    // Word of a failover that comes while ioredis 6.0.0 asks sentinels for the new server ends its client for good
    // (status `connecting -> end`). A server that is gone, silent, or takes no writes any more is noticed above.
    failoverDetector: false,
    ...(at.sentinelPassword !== null && { sentinelPassword: at.sentinelPassword }),
    ...(tls !== null && { enableTLSForSentinelMode: true, sentinelTLS: tls }),
  });
}
