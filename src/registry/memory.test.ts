import { expect, test } from 'vitest';
import { registryContract } from './contract.ts';
import { MemoryRegistry, MemoryStore } from './memory.ts';
import type { NodeRecord } from './port.ts';

registryContract('memory', async () => {
  let now = 0;
  const store = new MemoryStore(() => now);
  return {
    open: async () => new MemoryRegistry(store),
    advance: async (ms) => {
      now += ms;
    },
    end: async () => {},
  };
});

test('what the announcer does to its object afterwards is not announced', async () => {
  const registry = new MemoryRegistry();
  const mutable = { ...RECORD };
  await registry.announce(mutable, 60_000);
  mutable.datacenter = 'iad';
  expect(await registry.nodes()).toEqual([RECORD]);
});

test('the lease ends exactly at its moment', async () => {
  let now = 0;
  const registry = new MemoryRegistry(new MemoryStore(() => now));
  await registry.announce(RECORD, 9000);
  now = 8999.9;
  expect(await registry.nodes()).toHaveLength(1);
  now = 9000;
  expect(await registry.nodes()).toHaveLength(0);
});

const RECORD: NodeRecord = {
  id: 'a',
  datacenter: 'sjc',
  url: 'wss://sjc.example.net',
  state: 'ready',
  load: 0,
  accepting: true,
  policy: 'sha256:00',
  version: '0.1.0',
};
