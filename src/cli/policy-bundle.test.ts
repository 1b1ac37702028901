import { statSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { policyFiles } from './testing/policy-files.ts';
import { runPolicy as run } from './testing/policy-run.ts';

const files = policyFiles();
const { file, write } = files;

describe('policy keygen, sign and verify', () => {
  it('two signers make a bundle that holds; one does not', async () => {
    const [a, b] = [join(files.dir, 'a.pem'), join(files.dir, 'b.pem')];
    const bundle = join(files.dir, 'bundle');
    const ana = (await run('keygen', a)).out.trim();
    const ben = (await run('keygen', b)).out.trim();
    expect(ana).toMatch(/^ed25519:[\w-]{43}$/);
    expect(statSync(a).mode & 0o777).toBe(0o600);
    expect((await run('keygen', a)).code).toBe(2);
    const roots = ['--signer', `ana=${ana}`, `ben=${ben}`];
    expect((await run('sign', file('zoom-2020'), '--key', a, '--out', bundle)).code).toBe(0);
    expect(await run('verify', bundle, ...roots)).toMatchObject({
      code: 1,
      out: expect.stringContaining('bundle_too_few_signers'),
    });
    expect((await run('sign', bundle, '--key', b, '--over', 'constitution', '--out', bundle)).code).toBe(0);
    expect(await run('verify', bundle, ...roots, '--cloud', 'commercial', '--above', '11')).toMatchObject({
      code: 0,
      out: expect.stringContaining('constitution signed by ana, ben; document signed by ana'),
    });
    expect((await run('verify', bundle, ...roots, '--above', '12')).code).toBe(1);
    expect((await run('verify', bundle, ...roots, '--cloud', 'government')).code).toBe(1);
    expect((await run('verify', bundle, '--signer', ana)).code).toBe(1);
    expect((await run('verify', bundle, '--signer', 'ed25519:x')).code).toBe(2);
    expect((await run('verify', bundle, ...roots, '--above', '')).code).toBe(2);
    expect((await run('verify', bundle, ...roots, '--above', '1e1')).code).toBe(2);
    expect((await run('verify', join(files.dir, 'none'), ...roots)).code).toBe(2);
  });

  it('refuses to sign what fails check, is no policy, or is a bundle that was tampered with', async () => {
    const key = join(files.dir, 'c.pem');
    await run('keygen', key);
    const bundle = (await run('sign', file('zoom-2020'), '--key', key)).out;
    const risen = write('risen', bundle.replace('"version":12', '"version":13'));
    expect(await run('sign', risen, '--key', key)).toMatchObject({
      code: 2,
      out: expect.stringMatching(/risen:1:1: the bundle says version 13, and its document 12/),
    });
    expect((await run('sign', file('zoom-2020-february'), '--key', key)).code).toBe(1);
    expect((await run('sign', write('n.yaml', 'a'), '--key', key)).code).toBe(2);
    expect((await run('sign', file('zoom-2020'), '--key', file('zoom-2020'))).code).toBe(2);
  });
});
