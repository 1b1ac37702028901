import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, expect, it } from 'vitest';
import { mmdb } from '../geo/testing/mmdb-writer.ts';
import { plainSealer } from '../identity/sealer.ts';
import { MemoryRegistry } from '../registry/memory.ts';
import { waitFor } from '../testing/wait.ts';
import { startNode, type TestNode } from './harness/node.ts';

const directory = mkdtempSync(join(tmpdir(), 'watershed-addresses-'));
let node: TestNode | undefined;

afterEach(async () => {
  await node?.close();
  rmSync(directory, { recursive: true });
});

it('a node that cannot judge addresses is in nobody’s list until it can, and stays there on a bad file', async () => {
  const database = join(directory, 'countries.mmdb');
  const registry = new MemoryRegistry();
  const record = async () => {
    const [entry] = await registry.nodes(['local']);
    const opened = entry && plainSealer().open(entry);
    return opened?.ok === true ? opened.record : undefined;
  };
  node = await startNode({ registry, yaml: `geo: { database: ${database} }` });
  const { url } = node;
  const status = async () => (await fetch(`${url}/readyz`)).status;
  expect([(await record())?.state, await status()]).toEqual(['starting', 503]);
  writeFileSync(database, mmdb({ '8.8.8.0/24': 'US' }));
  process.emit('SIGHUP');
  await waitFor('the node to be listed', async () => (await record())?.state === 'ready');
  expect(await status()).toBe(200);
  // The last good one goes on judging: the operator is told, and people are not sent away.
  writeFileSync(database, 'nothing of the kind');
  process.emit('SIGHUP');
  await waitFor('the node to see it', async () => (await status()) === 503);
  const seen = (await record())?.sequence ?? 0;
  const next = await waitFor('another announcement', async () => {
    const now = await record();
    return now !== undefined && now.sequence > seen && now;
  });
  expect(next.state).toBe('ready');
});
