import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, expect, it } from 'vitest';
import { CACHE_MS } from '../cluster/roster.ts';
import { directoryAnswerSchema } from '../protocol/directory.ts';
import { MemoryRegistry, MemoryStore } from '../registry/memory.ts';
import type { NodeEntry } from '../registry/port.ts';
import { waitFor } from '../testing/wait.ts';
import { startCloud } from './harness/cloud.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

it('a node that has just started lists who lives at once, and not who is gone, though its records are written again', async () => {
  const store = new MemoryStore();
  const attacker = new MemoryRegistry(store);
  const cloud = await startCloud({
    datacenters: ['sjc', 'iad'],
    registry: async () => new MemoryRegistry(store),
  });
  ends.push(() => cloud.close());
  const kept: NodeEntry[] = [];
  await waitFor('a run of records', async () => {
    const [entry] = await attacker.nodes(['iad']);
    if (entry !== undefined && entry.body !== kept.at(-1)?.body) kept.push(entry);
    return kept.length === 3;
  });
  await cloud.stop('iad');
  expect(await attacker.nodes(['iad'])).toEqual([]);
  await cloud.start('fra');
  for (const entry of kept) {
    await attacker.announce(entry, 60_000);
    const answer = await fetch(`${cloud.at('fra').url}/v1/directory`, {
      method: 'POST',
      headers: { authorization: `Bearer ${await cloud.token('summit', 'us')}` },
    });
    const { primaries, secondaries } = directoryAnswerSchema.parse(await answer.json());
    expect([primaries, secondaries].map((list) => list.map(({ datacenter }) => datacenter))).toEqual([
      ['sjc'],
      ['fra'],
    ]);
    // What was read last is not asked for again.
    await sleep(CACHE_MS);
  }
  expect(cloud.at('fra').log()).toContain('"rejected":"iad/iad-1","reason":"record_unconfirmed"');
}, 30_000);
