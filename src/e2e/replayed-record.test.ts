import { afterEach, expect, it } from 'vitest';
import { directoryAnswerSchema } from '../protocol/directory.ts';
import { MemoryRegistry, MemoryStore } from '../registry/memory.ts';
import { startCloud } from './harness/cloud.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

it('a node that has just started lists who lives at once, and not who is gone, though its record is written again', async () => {
  const store = new MemoryStore();
  const attacker = new MemoryRegistry(store);
  const cloud = await startCloud({
    datacenters: ['sjc', 'iad'],
    registry: async () => new MemoryRegistry(store),
  });
  ends.push(() => cloud.close());
  const [last] = await attacker.nodes(['iad']);
  if (last === undefined) throw new Error('iad has no record');
  await cloud.stop('iad');
  expect(await attacker.nodes(['iad'])).toEqual([]);
  await cloud.start('fra');
  await attacker.announce(last, 60_000);
  const answer = await fetch(`${cloud.at('fra').url}/v1/directory`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await cloud.token('summit', 'us')}` },
  });
  const { primaries, secondaries } = directoryAnswerSchema.parse(await answer.json());
  expect([primaries, secondaries].map((list) => list.map(({ datacenter }) => datacenter))).toEqual([
    ['sjc'],
    ['fra'],
  ]);
  expect(cloud.at('fra').log()).toContain('"rejected":"iad/iad-1","reason":"record_unconfirmed"');
}, 30_000);
