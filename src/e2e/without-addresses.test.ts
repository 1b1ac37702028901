import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, expect, it } from 'vitest';
import { mmdb } from '../geo/testing/mmdb-writer.ts';
import { plainSealer } from '../identity/sealer.ts';
import { MemoryRegistry } from '../registry/memory.ts';
import { freePort } from '../testing/free-port.ts';
import { waitFor } from '../testing/wait.ts';
import { converse } from './harness/conversation.ts';
import { startNode, type TestNode } from './harness/node.ts';
import { localPolicy } from './harness/policies.ts';

const directory = mkdtempSync(join(tmpdir(), 'watershed-addresses-'));
let node: TestNode | undefined;

afterEach(() => node?.close());
afterAll(() => rmSync(directory, { recursive: true }));

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

it('a newer database judges everyone who is here: at sha, nobody whose address turns out to be in us', async () => {
  const database = join(directory, 'newer.mmdb');
  writeFileSync(database, mmdb({ '127.0.0.0/24': 'CN' }));
  const port = await freePort();
  node = await startNode({
    port,
    datacenter: 'sha',
    policy: localPolicy('policies/zoom-2020.yaml', { sha: `ws://127.0.0.1:${port}` }),
    yaml: `geo: { database: ${database}, loopback: true }`,
  });
  const joins = { type: 'request', id: 1, method: 'join', data: { rtpCapabilities: { codecs: [] } } };
  const token = await node.token({ room: 'standup', region: 'cn' });
  const ann = await converse(node.url, token, 'program', { requests: [joins] });
  await waitFor('the answer', () => ann.frames.some((frame) => frame.includes('"ok":true')));

  writeFileSync(database, mmdb({ '127.0.0.0/24': 'CN', '8.8.8.0/24': 'US' }));
  process.emit('SIGHUP');
  await waitFor('the database', () => node?.log().split('"address database"').length === 3);
  await new Promise((resolve) => setTimeout(resolve, 200));
  expect(ann.closeCode).toBe(null);

  writeFileSync(database, mmdb({ '127.0.0.0/24': 'US' }));
  process.emit('SIGHUP');
  await waitFor('the end', () => ann.closeCode !== null);
  // She may be served elsewhere, where nothing runs in this test.
  expect(ann.closeCode).toBe(4403);
  expect(JSON.parse(ann.frames.at(-1) ?? '')).toMatchObject({
    event: 'refused',
    data: { code: 'no_datacenter_up' },
  });
});
