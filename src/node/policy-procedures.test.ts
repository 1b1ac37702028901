import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { verifyBundle } from '../policy/bundle.ts';
import { compilePolicy } from '../policy/compile.ts';
import { diffPolicies } from '../policy/diff.ts';
import { PolicyKeeper } from './policy-keeper.ts';
import { bundleOf, type TestSigner, testSigner } from './testing/signers.ts';

/** The procedures of deploy/policy/README.md, each carried out. */
const GOOD = await readFile(new URL('../../config/policies/zoom-2020.yaml', import.meta.url), 'utf8');
const BAD = GOOD.replace('version: 12', 'version: 13').replace('admits: [cn]', 'admits: any');

const [ana, ben, cyd, dan] = [testSigner('ana'), testSigner('ben'), testSigner('cyd'), testSigner('dan')];

const bundle = (policy: string, first: TestSigner, second: TestSigner): Uint8Array =>
  bundleOf(policy, [first, second]);
const numbered = (version: number) => GOOD.replace('version: 12', `version: ${version}`);

let dir = '';
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'watershed-procedures-'));
});
afterEach(() => rm(dir, { recursive: true, force: true }));

/** The node, started anew with these trust roots: they are configuration. */
async function node(...roots: TestSigner[]): Promise<PolicyKeeper> {
  return PolicyKeeper.start({
    cloud: 'commercial',
    signers: roots.map(({ root }) => root),
    directory: dir,
    file: null,
    now: () => 0,
    onEvent: () => undefined,
    judge: async (bytes, question) => {
      const result = verifyBundle(bytes, question);
      return result.ok ? { ...result, compiled: compilePolicy(result.policy) } : result;
    },
  });
}

describe('procedures', () => {
  it('emergency rollback: the old content under a higher version', async () => {
    const keeper = await node(ana, ben);
    await keeper.offer(bundle(GOOD, ana, ben), 'file');
    // Two people signed the mistake; check holds, since the fence itself was opened.
    expect(await keeper.offer(bundle(BAD, ana, ben), 'file')).toEqual({ kind: 'switched' });
    expect(await keeper.offer(bundle(GOOD, ana, ben), 'file')).toMatchObject({ code: 'bundle_old_version' });
    const rollback = numbered(14);
    expect(await keeper.offer(bundle(rollback, ana, ben), 'file')).toEqual({ kind: 'switched' });
    const running = keeper.current()?.policy;
    if (running === undefined) throw new Error('nothing runs');
    const bad = verifyBundle(bundle(BAD, ana, ben), {
      cloud: 'commercial',
      signers: [ana.root, ben.root],
      highest: null,
      now: 0,
      file: 'bad',
    });
    if (!bad.ok) throw new Error(bad.message);
    expect(diffPolicies(bad.policy, running)).toMatchObject({ widens: false, gained: [] });
    expect(diffPolicies(bad.policy, running).lost.length).toBeGreaterThan(0);
  });

  it('a lost signer: the others go on, the successor is trusted before it signs', async () => {
    const before = await node(ana, ben, cyd);
    await before.offer(bundle(GOOD, ana, ben), 'file');
    expect(await before.offer(bundle(numbered(13), ana, cyd), 'file')).toEqual({ kind: 'switched' });
    expect(await before.offer(bundle(numbered(14), ana, dan), 'file')).toMatchObject({
      code: 'bundle_unknown_key',
    });
    expect(before.current()?.policy.version).toBe(13);
    const after = await node(ana, cyd, dan);
    expect(after.current()?.policy.version).toBe(13);
    expect(await after.offer(bundle(numbered(14), ana, dan), 'file')).toEqual({ kind: 'switched' });
  });

  it('a stolen key: alone it opens nothing, and out of the trust roots it is nothing', async () => {
    const before = await node(ana, ben, cyd);
    await before.offer(bundle(GOOD, ana, ben), 'file');
    expect(await before.offer(bundle(BAD, ben, ben), 'file')).toMatchObject({
      code: 'bundle_too_few_signers',
    });
    expect(await before.offer(bundle(numbered(13), ana, cyd), 'file')).toEqual({ kind: 'switched' });
    const after = await node(ana, cyd);
    expect(after.current()?.policy.version).toBe(13);
    const forged = BAD.replace('version: 13', 'version: 14');
    expect(await after.offer(bundle(forged, ben, ana), 'file')).toMatchObject({ code: 'bundle_unknown_key' });
    expect(await after.offer(bundle(numbered(14), ana, cyd), 'file')).toEqual({ kind: 'switched' });
  });

  it('rotation: new keys beside the old, a version under them, and the old ones out', async () => {
    const old = await node(ana, ben);
    await old.offer(bundle(GOOD, ana, ben), 'file');
    const both = await node(ana, ben, cyd, dan);
    expect(both.current()?.policy.version).toBe(12);
    expect(await both.offer(bundle(numbered(13), cyd, dan), 'file')).toEqual({ kind: 'switched' });
    const fresh = await node(cyd, dan);
    expect(fresh.current()?.policy.version).toBe(13);
    expect(await fresh.offer(bundle(numbered(14), ana, ben), 'file')).toMatchObject({
      code: 'bundle_unknown_key',
    });
  });

  it('a node whose trust roots no longer cover what it kept admits nobody until it is given a policy', async () => {
    await (await node(ana, ben)).offer(bundle(GOOD, ana, ben), 'file');
    const after = await node(cyd, dan);
    expect(after.current()).toBeNull();
    expect(after.status().problem).toContain('bundle_unknown_key');
    expect(await after.offer(bundle(numbered(13), cyd, dan), 'file')).toEqual({ kind: 'switched' });
  });
});
