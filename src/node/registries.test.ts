import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Redis } from 'ioredis';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { parseNodeConfig, thisMachine } from '../config/load.ts';
import type { NodeConfig } from '../config/schema.ts';
import { MemoryRegistry } from '../registry/memory.ts';
import { startRedisServer } from '../registry/testing/redis-server.ts';
import { createRegistry } from './registries.ts';

let dir = '';
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'registries-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function config(registry: string): NodeConfig {
  const text = `
mode: development
node: { datacenter: local }
policy: { file: policy.yaml }
tokens: { development: true }
cluster: { certificate: node.crt, key: node.key }
registry: ${registry}
`;
  return parseNodeConfig(text, { file: join(dir, 'node.yaml'), env: {}, machine: thisMachine() });
}

const log = { debug: () => undefined, warn: () => undefined };

it('is the memory of this process where nothing else is said', async () => {
  expect(await createRegistry(config('{}'), 'commercial', log)).toBeInstanceOf(MemoryRegistry);
});

it('is the Redis that is named, with the password that its file has', async () => {
  const server = await startRedisServer();
  const admin = new Redis(server.port, '127.0.0.1');
  try {
    await admin.config('SET', 'requirepass', 'secret');
    writeFileSync(join(dir, 'redis.pass'), 'secret\n');
    const written = config(`{ kind: redis, url: "${server.url}", passwordFile: redis.pass }`);
    const registry = await createRegistry(written, 'commercial', log);
    await registry.announce({ id: 'a', datacenter: 'local', load: 0, body: 'sealed' }, 5000);
    await registry.close();
    expect(await admin.auth('secret')).toBe('OK');
    expect(await admin.get('ws:cloud')).toBe('commercial');
  } finally {
    admin.disconnect();
    await server.end();
  }
});

it('is not made without the files that it names', async () => {
  const written = config('{ kind: redis, url: "redis://127.0.0.1:1", passwordFile: none }');
  await expect(createRegistry(written, 'commercial', log)).rejects.toThrow(
    `registry: ${join(dir, 'none')} cannot be read (ENOENT)`,
  );
});
