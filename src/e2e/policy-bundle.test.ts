import { mkdtempSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { z } from 'zod';
import { type Running, run, start } from '../cli/testing/run.ts';
import { bundleOf, testSigner } from '../node/testing/signers.ts';
import { waitFor } from '../testing/wait.ts';
import { type Conversation, converse } from './harness/conversation.ts';

// Longer than the waits within, which say what did not come.
vi.setConfig({ testTimeout: 180_000 });

/** A real node process at `fra` that takes bundles: what it refuses, what it runs, and whom a switch closes. */
const ZOOM = readFileSync(new URL('../../config/policies/zoom-2020.yaml', import.meta.url), 'utf8').replace(
  /^expires:.*$/m,
  '',
);
const version = (n: number, text = ZOOM) => text.replace('version: 12', `version: ${n}`);
const [ana, ben, eve] = [testSigner('ana'), testSigner('ben'), testSigner('eve')];
/** Clients of eu alone have their media processed in eu; the routes follow. */
const EU_ALONE = ZOOM.replace(/(eu: .*admits: )any/, '$1[eu]')
  .replace(/^( {2}us: .*secondaries: ).*$/m, '$1[hkg] }')
  .replace(/^( {2}hk: .*secondaries: ).*$/m, '$1[sjc] }');

let dir: string;
let env: Record<string, string>;
let node: Running;
let url: string;
let revision = 0;

/** As an operator's tools do: whole, or not at all. */
function publish(bytes: Uint8Array): void {
  const file = join(dir, 'policy.bundle');
  writeFileSync(`${file}.${revision}`, bytes);
  renameSync(`${file}.${revision++}`, file);
}
function writeConfig(): string {
  const file = join(dir, 'node.yaml');
  const signers = [ana, ben].map(({ root }) => `{ name: ${root.name}, key: "${root.key}" }`);
  writeFileSync(
    file,
    `mode: development
node: { datacenter: fra, cloud: commercial }
policy: { bundle: policy.bundle, stateDir: state, signers: [${signers}] }
http: { host: 127.0.0.1, port: 0 }
media: { workers: 1, basePort: 0, listen: [{ ip: 127.0.0.1 }] }
tokens: { development: true }
log: { level: debug, pretty: false }
`,
  );
  return file;
}
async function boot(): Promise<void> {
  node = start(['node', '--config', join(dir, 'node.yaml')], env, { boundMs: 180_000 });
  [, url = ''] = await node.wrote(/page +(\S+)[\s\S]*worker +mediasoup \S+, .*\n/);
}

beforeAll(async () => {
  dir = mkdtempSync(join(tmpdir(), 'watershed-bundle-'));
  env = { XDG_RUNTIME_DIR: dir };
  writeConfig();
  await boot();
});
afterAll(async () => {
  node.child.kill('SIGKILL');
  await node.ended;
  rmSync(dir, { recursive: true, force: true });
});

const metrics = async () => (await fetch(`${url}/metrics`)).text();
const readinessSchema = z.looseObject({
  reasons: z.unknown(),
  warnings: z.array(z.looseObject({ check: z.string() })),
});
async function ready() {
  const answer = await fetch(`${url}/readyz`);
  const body = readinessSchema.parse(await answer.json());
  // This node is not at the address that the policies have for its datacenter.
  const warnings = body.warnings.filter(({ check }) => check !== 'address');
  return { status: answer.status, body: { ...body, warnings } };
}
const runs = (n: number) =>
  waitFor(`version ${n}`, async () => (await metrics()).includes(`policy_info{version="${n}"`), 60_000);
const recordSchema = z.looseObject({
  msg: z.string(),
  policy: z.string().optional(),
  code: z.string().optional(),
  decision: z.record(z.string(), z.unknown()).optional(),
});
/** Log records with this message, in order. */
const logged = (message: string) =>
  node
    .stderr()
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => recordSchema.parse(JSON.parse(line)))
    .filter(({ msg }) => msg === message);
const token = async (room: string, region: string) =>
  (await run(['token', '--room', room, '--region', region], env)).stdout.trim();

async function joinAs(region: string): Promise<Conversation> {
  const said = await converse(url, await token(`room-${region}`, region), 'browser', {
    requests: [
      {
        type: 'request',
        id: 1,
        method: 'join',
        data: { displayName: region, rtpCapabilities: { codecs: [], headerExtensions: [] } },
      },
      { type: 'request', id: 2, method: 'createTransport', data: { direction: 'send' } },
    ],
  });
  await waitFor('a transport', () => said.all().includes('iceParameters'));
  return said;
}

it('admits nobody before its first policy, and says so', async () => {
  expect(await ready()).toMatchObject({
    status: 503,
    body: { ready: false, reasons: expect.arrayContaining([{ check: 'policy', reason: 'no policy yet' }]) },
  });
  const said = await converse(url, await token('early', 'eu'), 'program');
  expect(said.status).toBe(503);
  expect(JSON.parse(said.body).code).toBe('policy_missing');
  publish(bundleOf(version(12), [ana, ben]));
  await runs(12);
  expect(await ready()).toEqual({ status: 200, body: { ready: true, reasons: [], warnings: [] } });
});

describe('is refused, and the last good one goes on', () => {
  const good = bundleOf(version(13), [ana, ben]);
  it.each<[string, Uint8Array, RegExp]>([
    ['one flipped byte', good.with(200, (good[200] ?? 0) ^ 1), /^bundle_(bad_signature|malformed)$/],
    ['an old version', bundleOf(version(11), [ana, ben]), /^bundle_old_version$/],
    ['one signer where two are needed', bundleOf(version(13), [ana]), /^bundle_too_few_signers$/],
    ['the same signer twice', bundleOf(version(13), [ana, ana]), /^bundle_too_few_signers$/],
    [
      'another cloud’s',
      bundleOf(version(13).replace('cloud: commercial', 'cloud: government'), [ana, ben]),
      /^bundle_other_cloud$/,
    ],
    ['an unknown key', bundleOf(version(13), [ana, eve]), /^bundle_unknown_key$/],
    ['not a bundle', new TextEncoder().encode(version(13)), /^bundle_malformed$/],
  ])('%s', async (_case, bytes, code) => {
    const before = logged('policy refused').length;
    publish(bytes);
    node.child.kill('SIGHUP');
    await waitFor('a refusal', () => logged('policy refused').length > before, 60_000);
    const record = logged('policy refused').at(-1);
    expect(record).toMatchObject({ source: 'file', code: expect.stringMatching(code) });
    const { status, body } = await ready();
    expect(status).toBe(200);
    expect(body.warnings).toEqual([
      { check: 'policy', reason: `a policy from the file was refused: ${record?.code}` },
    ]);
    const text = await waitFor('it to be counted', async () => {
      const now = await metrics();
      return now.includes(`watershed_policy_offers_total{source="file",result="${record?.code}"}`) && now;
    });
    expect(text).toContain('watershed_policy_info{version="12"');
  });
});

it('switches to a good one, and closes what it forbids before anyone is sent elsewhere', async () => {
  const [us, eu] = [await joinAs('us'), await joinAs('eu')];
  publish(bundleOf(version(14, EU_ALONE), [ben, ana]));
  await runs(14);
  await waitFor('the end of us', () => us.closeCode !== null);
  expect(us.closeCode).toBe(4403);
  expect(us.all()).toContain('"code":"no_datacenter_up"');
  expect(logged('policy switched').at(-1)).toMatchObject({
    version: 14,
    source: 'file',
    signers: ['ben', 'ana'],
  });
  const under = () =>
    logged('decision')
      .map(({ decision }): Record<string, unknown> => decision ?? {})
      .filter(({ policy, home }) => policy === logged('policy switched').at(-1)?.policy && home === 'us');
  // First the leg, which may no longer be there; then the stay, for which no other node is up here.
  expect(under().map(({ step, kind, code }) => [step, kind, code])).toEqual([
    ['transport', 'refuse', 'region_not_admitted'],
    ['switch', 'refuse', 'no_datacenter_up'],
  ]);
  expect(eu.closeCode).toBeNull();
  eu.send(
    JSON.stringify({ type: 'request', id: 3, method: 'createTransport', data: { direction: 'receive' } }),
  );
  await waitFor('an answer to eu', () => eu.frames.some((frame) => frame.includes('"id":3')));
  expect(eu.frames.find((frame) => frame.includes('"id":3'))).toContain('iceParameters');
  expect(await ready()).toMatchObject({ status: 200, body: { warnings: [] } });
  eu.close();
});

it('shown a signed version that it cannot run, admits nobody new, goes on with who is there, also after a restart', async () => {
  const eu = await joinAs('eu');
  publish(bundleOf(version(16, `${EU_ALONE}expires: 2020-01-01T00:00:00Z\n`), [ana, ben]));
  await waitFor('it to be seen', async () => (await ready()).status === 503, 60_000);
  const behind = { check: 'policy', reason: 'version 16 is signed and does not run here' };
  expect((await ready()).body.reasons).toEqual([behind]);
  expect((await converse(url, await token('late', 'eu'), 'program')).status).toBe(503);
  eu.send(
    JSON.stringify({ type: 'request', id: 3, method: 'createTransport', data: { direction: 'receive' } }),
  );
  await waitFor('an answer', () => eu.frames.some((frame) => frame.includes('"id":3')));
  expect(eu.closeCode).toBeNull();

  node.child.kill('SIGTERM');
  expect((await node.ended).code).toBe(0);
  rmSync(join(dir, 'policy.bundle'));
  await boot();
  await runs(14);
  expect((await ready()).body.reasons).toEqual([behind]);
  publish(bundleOf(version(17, EU_ALONE), [ana, ben]));
  await runs(17);
  expect((await ready()).status).toBe(200);
});
