import { z } from 'zod';
import type { ConfigPath } from './fault.ts';

const path = z.string().min(1);
const hostPort = z
  .string()
  .refine((text) => readHostPort(text) !== null, 'must be HOST:PORT, with an IPv6 address in brackets');

/** The section `registry`. */
export const registryShape = {
  kind: z.enum(['memory', 'redis']).default('memory'),
  /** A single server. */
  url: z
    .string()
    .refine(
      (text) => redisHost(text) !== null,
      'must be redis://HOST[:PORT]; users, passwords and TLS have keys of their own',
    )
    .nullable()
    .default(null),
  /** One of a group that sentinels watch, and the group's name. */
  sentinels: z.array(hostPort).default([]),
  name: z.string().min(1).nullable().default(null),
  sentinelPasswordFile: path.nullable().default(null),
  /** Redis Cluster: some of its nodes. */
  nodes: z.array(hostPort).default([]),
  tls: z
    .strictObject({
      /** Null: what the system trusts. */
      ca: path.nullable().default(null),
      cert: path.nullable().default(null),
      key: path.nullable().default(null),
    })
    .nullable()
    .default(null),
  /** An ACL user; null for the default one. */
  username: z.string().min(1).nullable().default(null),
  passwordFile: path.nullable().default(null),
};

type Written = z.output<z.ZodObject<typeof registryShape>>;

/** What must hold between the section's keys. */
export function checkRegistry(registry: Written, fault: (path: ConfigPath, message: string) => void): void {
  const { kind, url, sentinels, name, nodes, tls } = registry;
  const places = [url !== null, sentinels.length > 0, nodes.length > 0].filter(Boolean).length;
  if (kind === 'memory') {
    if (places > 0) fault(['registry', 'kind'], 'memory has no url, sentinels or nodes: set it to redis');
    return;
  }
  if (places !== 1) {
    fault(['registry'], 'give one of: url (a single server), sentinels and name, nodes (Redis Cluster)');
  }
  if (sentinels.length > 0 && name === null) {
    fault(['registry', 'name'], 'sentinels know their servers by a name: give it');
  }
  if (tls !== null && (tls.cert === null) !== (tls.key === null)) {
    fault(['registry', 'tls', tls.key === null ? 'key' : 'cert'], 'cert and key go together');
  }
}

/** `HOST:PORT`, or `[IPv6]:PORT`; null when it is none. */
export function readHostPort(text: string): { host: string; port: number } | null {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:/@[\]]+)):(\d{1,5})$/.exec(text);
  const [, v6, name, digits] = match ?? [];
  const host = v6 ?? name;
  const port = Number(digits);
  return host === undefined || port < 1 || port > 65_535 ? null : { host, port };
}

/** Of `redis://HOST[:PORT]`; null when it is none. */
export function redisHost(text: string): { host: string; port: number } | null {
  const match = /^redis:\/\/([^/]+)\/?$/.exec(text);
  const place = match?.[1];
  if (place === undefined) return null;
  return readHostPort(place) ?? readHostPort(`${place}:6379`);
}
