import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import {
  type Bundle,
  printBundle,
  publicKeyText,
  signBundle,
  type TrustedSigner,
  verifyBundle,
} from '../policy/bundle.ts';
import { type CompiledPolicy, compilePolicy } from '../policy/compile.ts';
import { type JudgeBundle, judgeInWorker } from './policy-judge.ts';
import { type PolicyEvent, PolicyKeeper, type PolicyKeeperOptions } from './policy-keeper.ts';

const ZOOM = await readFile(new URL('../../config/policies/zoom-2020.yaml', import.meta.url), 'utf8');
const version = (n: number, text = ZOOM) => text.replace('version: 12', `version: ${n}`);

function signer(name: string) {
  const { privateKey, publicKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  const root: TrustedSigner = { name, key: publicKeyText(publicKey), over: ['constitution', 'document'] };
  return { pem, root };
}
const [ana, ben, eve] = [signer('ana'), signer('ben'), signer('eve')];

function bundle(text: string, signers = [ana, ben]): Uint8Array {
  const empty: Bundle = {
    format: 'watershed-bundle-1',
    version: Number(/version: (\d+)/.exec(text)?.[1]),
    policy: text,
    signatures: [],
  };
  const signed = signers.reduce(
    (b, { pem }, i) => signBundle(b, pem, i === 0 ? ['constitution', 'document'] : ['constitution']),
    empty,
  );
  return new TextEncoder().encode(printBundle(signed));
}

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
    onSwitch: (policy) => void switched.push(policy),
    onEvent: (event) => void events.push(event),
    judge,
    ...over,
  });
  keepers.push(keeper);
  return keeper;
}

const runs = (keeper: PolicyKeeper) => keeper.current()?.policy.version ?? null;
const flipped = (bytes: Uint8Array) => bytes.with(200, (bytes[200] ?? 0) ^ 1);

describe('a node’s policy', () => {
  it('is none at first: nobody is admitted, and the reason is said', async () => {
    const keeper = await start();
    expect(keeper.current()).toBeNull();
    expect(keeper.status()).toEqual({ running: null, problem: 'no policy yet' });
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
    // A file that only lags behind is no problem; every other one is, until a good one comes.
    expect(keeper.status().problem).toEqual(
      code === 'bundle_old_version' ? null : expect.stringContaining(code),
    );
    await keeper.offer(bundle(version(14)), 'file');
    expect(keeper.status()).toMatchObject({ running: { version: 14 }, problem: null });
  });

  it('is not made unready by what others send', async () => {
    const keeper = await start();
    await keeper.offer(bundle(version(12)), 'file');
    await keeper.offer(flipped(bundle(version(13))), 'link');
    expect(keeper.status().problem).toBeNull();
    expect(events.at(-1)).toMatchObject({ kind: 'refused', from: 'link' });
  });

  it('admits nobody new while a validly signed higher version does not run here', async () => {
    const keeper = await start();
    await keeper.offer(bundle(version(12)), 'file');
    const expired = version(15).replace('2027-06-30', '2026-06-30');
    await keeper.offer(bundle(expired), 'link');
    expect(keeper.current()).toBeNull();
    expect(keeper.status()).toMatchObject({
      running: { version: 12 },
      problem: expect.stringContaining('version 15'),
    });
    // A lower one than that does not help; the version itself or a higher one does.
    await keeper.offer(bundle(version(14)), 'link');
    expect(keeper.current()).toBeNull();
    await keeper.offer(bundle(version(16)), 'link');
    expect(runs(keeper)).toBe(16);
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
    const slow: JudgeBundle = async (bytes, question) => {
      await new Promise((resolve) => setTimeout(resolve, bytes.length % 7));
      return judge(bytes, question);
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
