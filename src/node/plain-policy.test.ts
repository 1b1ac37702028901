import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { PlainPolicy } from './plain-policy.ts';
import type { PolicyEvent } from './policy-port.ts';

const ZOOM = await readFile(new URL('../../config/policies/zoom-2020.yaml', import.meta.url), 'utf8');
const FEBRUARY = await readFile(
  new URL('../../config/policies/zoom-2020-february.yaml', import.meta.url),
  'utf8',
);

let dir = '';
let file = '';
let events: PolicyEvent[] = [];
const started: PlainPolicy[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'watershed-plain-'));
  file = join(dir, 'policy.yaml');
  events = [];
});
afterEach(async () => {
  for (const policy of started.splice(0)) await policy.close();
  await rm(dir, { recursive: true, force: true });
});

async function start(text: string, cloud: string | null = null, pollMs = 0): Promise<PlainPolicy> {
  await writeFile(file, text);
  const policy = await PlainPolicy.start({
    file,
    cloud,
    pollMs,
    onEvent: (event) => void events.push(event),
  });
  started.push(policy);
  return policy;
}

it('does not start on what check refuses, each fault at its place', async () => {
  await expect(start(FEBRUARY)).rejects.toThrow(
    /fails its check, so this node.*\n {2}.*policy\.yaml:17:61 us client/,
  );
  await expect(start('version: 1\n')).rejects.toThrow(/is not a policy, so this node/);
  await expect(start(ZOOM, 'government')).rejects.toThrow('is of the cloud commercial');
  await rm(file);
  await expect(PlainPolicy.start({ file, cloud: null, onEvent: () => undefined })).rejects.toThrow(
    'cannot be read (there is no such file)',
  );
});

it.each([
  ['fails check', FEBRUARY, 'policy_fails_check'],
  ['is no policy', ZOOM.slice(0, 100), 'policy_malformed'],
  ['is of another cloud', ZOOM.replace('cloud: commercial', 'cloud: other'), 'policy_other_cloud'],
])('goes on with the last good one when the file %s', async (_case, text, code) => {
  const policy = await start(ZOOM);
  const before = policy.running();
  await writeFile(file, text);
  expect(await policy.reload()).toEqual({ kind: 'refused', code });
  expect(policy.running()).toBe(before);
  expect(policy.status()).toMatchObject({ problem: null, refused: { from: 'file', code } });
  expect(events.at(-1)).toMatchObject({ kind: 'refused', code });
  await writeFile(file, ZOOM);
  expect(await policy.reload()).toEqual({ kind: 'unchanged' });
  expect(policy.status().refused).toBeNull();
});

it('goes on without its file, too', async () => {
  const policy = await start(ZOOM);
  await rm(file);
  expect(await policy.reload()).toEqual({ kind: 'refused', code: 'policy_unreadable' });
  expect(policy.running().policy.version).toBe(12);
});

it('switches when the file changes, and tells', async () => {
  const policy = await start(ZOOM, 'commercial', 20);
  const switched: number[] = [];
  policy.onSwitch((next) => void switched.push(next.policy.version));
  await writeFile(file, ZOOM.replace('version: 12', 'version: 11'));
  await vi.waitFor(() => expect(switched).toEqual([11]), { timeout: 20_000, interval: 20 });
  expect(policy.current().policy.version).toBe(11);
  expect(events).toEqual([expect.objectContaining({ kind: 'switched', version: 11, signers: [] })]);
});

it('takes no bundles: nobody’s signature is trusted', async () => {
  const policy = await start(ZOOM);
  expect(await policy.offer()).toEqual({ kind: 'refused', code: 'bundle_unknown_key' });
  expect(policy.bundle()).toBeNull();
});
