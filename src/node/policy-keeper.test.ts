import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { verifyBundle } from '../policy/bundle.ts';
import { type CompiledPolicy, compilePolicy } from '../policy/compile.ts';
import { type JudgeBundle, judgeInWorker } from './policy-judge.ts';
import { PolicyKeeper, type PolicyKeeperOptions } from './policy-keeper.ts';
import type { PolicyEvent } from './policy-port.ts';
import { bundleOf, testSigner } from './testing/signers.ts';

const ZOOM = await readFile(new URL('../../config/policies/zoom-2020.yaml', import.meta.url), 'utf8');
const version = (n: number, text = ZOOM) => text.replace('version: 12', `version: ${n}`);

const [ana, ben, eve] = [testSigner('ana'), testSigner('ben'), testSigner('eve')];
const bundle = (text: string, signers = [ana, ben]): Uint8Array => bundleOf(text, signers);

/** The judgement without a thread. */
const judge: JudgeBundle = async (bytes, question) => {
  const result = verifyBundle(bytes, question);
  return result.ok ? { ...result, compiled: compilePolicy(result.policy) } : result;
};

let dir = '';
let events: PolicyEvent[] = [];
let switched: CompiledPolicy[] = [];
const keepers: PolicyKeeper[] = [];
beforeEach(async () => {
  dir = await mkdtemp(join(tmpdir(), 'watershed-keeper-'));
  events = [];
  switched = [];
});
afterEach(async () => {
  for (const keeper of keepers.splice(0)) await keeper.close();
  await rm(dir, { recursive: true, force: true });
});

async function start(over: Partial<PolicyKeeperOptions> = {}): Promise<PolicyKeeper> {
  const keeper = await PolicyKeeper.start({
    cloud: 'commercial',
    signers: [ana.root, ben.root],
    directory: join(dir, 'state'),
    file: null,
    now: () => Date.UTC(2027, 0, 1),
    onEvent: (event) => void events.push(event),
    judge,
    ...over,
  });
  keepers.push(keeper);
  keeper.onSwitch((policy) => void switched.push(policy));
  return keeper;
}

const runs = (keeper: PolicyKeeper) => keeper.current()?.policy.version ?? null;
const flipped = (bytes: Uint8Array) => bytes.with(200, (bytes[200] ?? 0) ^ 1);

describe('a node’s policy', () => {
  it('is none at first: nobody is admitted, and the reason is said', async () => {
    const keeper = await start();
    expect(keeper.current()).toBeNull();
    expect(keeper.status()).toEqual({ running: null, problem: 'no policy yet', refused: null });
  });

  it('switches to what is newer, and tells; the same again changes nothing', async () => {
    const keeper = await start();
    expect(await keeper.offer(bundle(version(12)), 'link')).toEqual({ kind: 'switched' });
    expect(await keeper.offer(bundle(version(12)), 'registry')).toEqual({ kind: 'unchanged' });
    expect(await keeper.offer(bundle(version(13)), 'link')).toEqual({ kind: 'switched' });
    expect(runs(keeper)).toBe(13);
    expect(switched.map((p) => p.policy.version)).toEqual([12, 13]);
    expect(events[1]).toMatchObject({ kind: 'switched', from: 'link', version: 13, signers: ['ana', 'ben'] });
    expect(keeper.status().problem).toBeNull();
  });

  it.each([
    ['one flipped byte', () => flipped(bundle(version(13))), 'bundle_'],
    ['an old version', () => bundle(version(11)), 'bundle_old_version'],
    [
      'the version that runs, with another content',
      () => bundle(version(12).replace('hkg, sjc', 'sjc, hkg')),
      'bundle_forked_version',
    ],
    ['one signer where two are needed', () => bundle(version(13), [ana]), 'bundle_too_few_signers'],
    ['the same signer twice', () => bundle(version(13), [ana, ana]), 'bundle_too_few_signers'],
    [
      'another cloud’s',
      () => bundle(version(13).replace('cloud: commercial', 'cloud: government')),
      'bundle_other_cloud',
    ],
    ['an unknown key', () => bundle(version(13), [ana, eve]), 'bundle_unknown_key'],
    ['not a bundle', () => new TextEncoder().encode(ZOOM), 'bundle_malformed'],
  ])('%s: refused, and the last good one goes on', async (_, bytes, code) => {
    const keeper = await start();
    await keeper.offer(bundle(version(12)), 'file');
    const before = keeper.current();
    expect(await keeper.offer(bytes(), 'file')).toEqual({
      kind: 'refused',
      code: expect.stringContaining(code),
    });
    expect(keeper.current()).toBe(before);
    expect(events.at(-1)).toMatchObject({ kind: 'refused', from: 'file' });
    // Told, and no reason to be unready.
    expect(keeper.status()).toMatchObject({
      running: { version: 12 },
      problem: null,
      refused: { from: 'file', code: expect.stringContaining(code) },
    });
    await keeper.offer(bundle(version(14)), 'file');
    expect(keeper.status()).toMatchObject({ running: { version: 14 }, problem: null, refused: null });
  });

  it('judges the same bytes once, whoever offers them, and forgets a refusal when its source is good again', async () => {
    let judged = 0;
    const counting: JudgeBundle = (bytes, question, signal) => {
      judged += 1;
      return judge(bytes, question, signal);
    };
    const keeper = await start({ judge: counting });
    const good = bundle(version(12));
    await keeper.offer(good, 'file');
    const bad = flipped(bundle(version(13)));
    for (let i = 0; i < 3; i++)
      expect(await keeper.offer(bad, 'registry')).toMatchObject({ kind: 'refused' });
    expect(judged).toBe(2);
    expect(events.filter(({ kind }) => kind === 'refused')).toHaveLength(1);
    await keeper.offer(good, 'file');
    expect(keeper.status().refused).toMatchObject({ from: 'registry' });
    await keeper.offer(good, 'registry');
    expect(keeper.status().refused).toBeNull();
    expect(judged).toBe(2);
  });

  it('judges again what only the moment was against', async () => {
    let now = Date.UTC(2028, 0, 1);
    const keeper = await start({ now: () => now });
    expect(await keeper.offer(bundle(version(12)), 'file')).toMatchObject({ code: 'bundle_expired' });
    now = Date.UTC(2027, 0, 1);
    expect(await keeper.offer(bundle(version(12)), 'file')).toEqual({ kind: 'switched' });
  });

  it('takes no more at once than it can judge, apart from the operator’s file', async () => {
    let go = (): void => undefined;
    const waiting = new Promise<void>((resolve) => {
      go = resolve;
    });
    const keeper = await start({ judge: (...asked) => waiting.then(() => judge(...asked)) });
    const offers = Array.from({ length: 12 }, (_, i) => keeper.offer(bundle(version(20 + i)), 'link'));
    const file = keeper.offer(bundle(version(50)), 'file');
    expect(await Promise.all(offers.slice(8))).toEqual(
      Array.from({ length: 4 }, () => ({ kind: 'refused', code: 'bundle_not_judged' })),
    );
    go();
    expect(await file).toEqual({ kind: 'switched' });
    expect(await keeper.offer(new Uint8Array(9 * 1024 * 1024), 'link')).toEqual({
      kind: 'refused',
      code: 'bundle_too_large',
    });
  });

  it('gives the bundle that runs to whoever lags behind', async () => {
    const keeper = await start();
    expect(keeper.bundle()).toBeNull();
    await keeper.offer(bundle(version(12)), 'file');
    const other = await start({ directory: join(dir, 'other') });
    const bytes = keeper.bundle();
    if (bytes === null) throw new Error('no bundle');
    expect(await other.offer(bytes, 'link')).toEqual({ kind: 'switched' });
    expect(other.current()?.digest).toBe(keeper.current()?.digest);
  });

  it('runs what it cannot keep not at all', async () => {
    const keeper = await start();
    await keeper.offer(bundle(version(12)), 'file');
    await rm(join(dir, 'state'), { recursive: true });
    expect(await keeper.offer(bundle(version(13)), 'file')).toEqual({
      kind: 'refused',
      code: 'bundle_not_kept',
    });
    expect(runs(keeper)).toBe(12);
  });

  it('calls everyone at a switch before it waits for anyone, and reports who failed', async () => {
    const keeper = await start();
    const calls: string[] = [];
    keeper.onSwitch(async () => {
      calls.push('first');
      await new Promise((resolve) => setTimeout(resolve, 5));
      calls.push('first is done');
      throw new Error('could not close');
    });
    const stop = keeper.onSwitch(() => void calls.push('second'));
    expect(await keeper.offer(bundle(version(12)), 'file')).toEqual({ kind: 'switched' });
    expect(calls).toEqual(['first', 'second']);
    await vi.waitFor(() => expect(events.at(-1)).toMatchObject({ kind: 'failed' }));
    expect(calls).toEqual(['first', 'second', 'first is done']);
    stop();
    await keeper.offer(bundle(version(13)), 'file');
    expect(calls.filter((call) => call === 'second')).toHaveLength(1);
  });

  it('admits nobody new while a validly signed higher version does not run here', async () => {
    const keeper = await start();
    await keeper.offer(bundle(version(12)), 'file');
    const expired = version(15).replace('2027-06-30', '2026-06-30');
    await keeper.offer(bundle(expired), 'link');
    expect(keeper.current()).toBeNull();
    expect(keeper.running()?.policy.version).toBe(12);
    expect(keeper.status()).toMatchObject({
      running: { version: 12 },
      problem: expect.stringContaining('version 15'),
    });
    // A lower one than that does not help; the version itself or a higher one does.
    await keeper.offer(bundle(version(14)), 'link');
    expect(keeper.current()).toBeNull();
    // Nor does a restart.
    const restarted = await start();
    expect([restarted.running()?.policy.version, restarted.current()]).toEqual([14, null]);
    await keeper.offer(bundle(version(16)), 'link');
    expect(runs(keeper)).toBe(16);
    expect(runs(await start())).toBe(16);
  });

  it('is kept over a restart, and never goes back', async () => {
    const first = await start();
    await first.offer(bundle(version(13)), 'file');
    const second = await start();
    expect(runs(second)).toBe(13);
    expect(await second.offer(bundle(version(12)), 'file')).toEqual({
      kind: 'refused',
      code: 'bundle_old_version',
    });
    // Also when the bundle itself was taken away.
    await rm(join(dir, 'state', 'policy.bundle'));
    const third = await start();
    expect(third.current()).toBeNull();
    expect(await third.offer(bundle(version(12)), 'file')).toEqual({
      kind: 'refused',
      code: 'bundle_old_version',
    });
  });

  it('does not start where the record of what ran cannot be understood', async () => {
    await (await start()).offer(bundle(version(13)), 'file');
    await writeFile(join(dir, 'state', 'highest.json'), '{');
    await expect(start()).rejects.toThrow('does not say which policy ran last');
  });

  it('follows the operator’s file: at start, on reload and when it changes', async () => {
    const file = join(dir, 'policy.bundle');
    await writeFile(file, bundle(version(12)));
    const keeper = await start({ file, pollMs: 20 });
    expect(runs(keeper)).toBe(12);
    await writeFile(file, bundle(version(13)));
    await vi.waitFor(() => expect(runs(keeper)).toBe(13), { timeout: 20_000, interval: 20 });
    await rm(file);
    expect(await keeper.reload()).toEqual({ kind: 'unchanged' });
    expect(runs(keeper)).toBe(13);
  });

  it('judges offers one after another: the highest wins, whatever the order', async () => {
    const slow: JudgeBundle = async (bytes, question, signal) => {
      await new Promise((resolve) => setTimeout(resolve, bytes.length % 7));
      return judge(bytes, question, signal);
    };
    const keeper = await start({ judge: slow });
    await Promise.all([15, 13, 17, 14, 16].map((n) => keeper.offer(bundle(version(n)), 'link')));
    expect(runs(keeper)).toBe(17);
    expect(switched.map((p) => p.policy.version)).toEqual([15, 17]);
  });
});

describe('the proof in a worker thread', () => {
  it('gives a policy that decides as one compiled here', async () => {
    const keeper = await start({ judge: judgeInWorker });
    expect(await keeper.offer(bundle(version(12)), 'file')).toEqual({ kind: 'switched' });
    const { value } = judgedHere(version(12));
    expect(keeper.current()?.digest).toBe(value.digest);
    expect(keeper.current()?.table).toEqual(value.table);
    expect(await keeper.offer(flipped(bundle(version(13))), 'file')).toMatchObject({ kind: 'refused' });
  }, 60_000);
});

function judgedHere(text: string): { value: CompiledPolicy } {
  const bytes = bundle(text);
  const question = { cloud: 'commercial', signers: [ana.root, ben.root], highest: null, now: 0, file: 'b' };
  const result = verifyBundle(bytes, question);
  if (!result.ok) throw new Error(result.message);
  return { value: compilePolicy(result.policy) };
}
