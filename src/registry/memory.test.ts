import { expect, test } from 'vitest';
import { ROOM_MS, registryContract } from './contract.ts';
import { MemoryRegistry, MemoryStore } from './memory.ts';
import type { NodeEntry } from './port.ts';

registryContract('memory', async () => {
  let now = 0;
  const store = new MemoryStore(() => now, { roomMs: ROOM_MS });
  return {
    open: async () => new MemoryRegistry(store),
    advance: async (ms) => {
      now += ms;
    },
    end: async () => {},
  };
});

const ENTRY: NodeEntry = { id: 'a', datacenter: 'sjc', load: 0, body: 'sealed' };

test('what the announcer does to its object afterwards is not announced', async () => {
  const registry = new MemoryRegistry();
  const mutable = { ...ENTRY };
  await registry.announce(mutable, 60_000);
  mutable.body = 'other';
  expect(await registry.nodes(['sjc'])).toEqual([ENTRY]);
});

test('the lease ends exactly at its moment', async () => {
  let now = 0;
  const registry = new MemoryRegistry(new MemoryStore(() => now));
  await registry.announce(ENTRY, 9000);
  now = 8999.9;
  expect(await registry.nodes(['sjc'])).toHaveLength(1);
  now = 9000;
  expect(await registry.nodes(['sjc'])).toHaveLength(0);
});
