import { startCloud } from '../../../src/e2e/harness/cloud.ts';
import { RedisRegistry } from '../../../src/registry/redis/registry.ts';

/**
 * The benchmark's child process: whole nodes of every datacenter of the example, on one core, that share the Redis
 * whose port is the first argument. Tells its parent where `sjc` is, with join tokens; then, at each message, how much
 * processor time it has used.
 */
const port = Number(process.argv[2]);
const tokens = Number(process.argv[3]);

const cloud = await startCloud({
  datacenters: ['sjc', 'iad', 'fra', 'ams', 'hkg', 'sha', 'tsn'],
  registry: async () =>
    new RedisRegistry({
      cloud: 'commercial',
      at: { kind: 'single', host: '127.0.0.1', port },
      tls: null,
      username: null,
      password: null,
    }),
  parts: {
    yaml: 'directory: { perAddress: { perSecond: 10000, burst: 100000 } }\nlog: { level: silent }',
  },
});
const regions = ['us', 'eu', 'hk', 'cn'];
process.send?.({
  port: cloud.at('sjc').port,
  tokens: await Promise.all(
    Array.from({ length: tokens }, (_, i) => cloud.token(`room-${i}`, regions[i % regions.length] ?? 'us')),
  ),
});
process.on('message', () => {
  const { user, system } = process.cpuUsage();
  process.send?.({ cpuMicros: user + system });
});
process.on('disconnect', () => process.exit());
