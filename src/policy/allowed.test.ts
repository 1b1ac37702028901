import { describe, expect, it } from 'vitest';
import { allowed, allowedForLabel, allowedSet, explainAllowed } from './allowed.ts';
import { compilePolicy } from './compile.ts';
import type { Label } from './model.ts';
import { compiled, edited, example } from './testing/examples.ts';

const label = (home: string, evidence: string[] = [], regions: string[] | null = null): Label => ({
  home,
  evidence: [home, ...evidence],
  regions,
});
const names = (text: string) => (text === '-' ? [] : text.split(' '));

describe('A(c)', () => {
  it.each([
    ['zoom-2020', 'us', 'sjc iad fra ams hkg'],
    ['zoom-2020', 'eu', 'sjc iad fra ams hkg'],
    ['zoom-2020', 'hk', 'sjc iad fra ams hkg'],
    ['zoom-2020', 'cn', 'sjc iad fra ams hkg sha tsn'],
    ['zoom-2020-february', 'us', 'sjc iad fra ams hkg'],
    ['eu-confined', 'eu', 'fra ams waw mad'],
    ['eu-confined', 'us', 'fra ams waw mad zrh iad sjc'],
    ['zoom-2020', 'xx', '-'],
    ['zoom-2020', 'constructor', '-'],
    ['zoom-2020', '', '-'],
  ])('%s: %s', (name, region, set) => {
    const p = example(name);
    expect(p.datacenterNames.filter((d) => allowed(p, region, d))).toEqual(names(set));
  });

  it('never allows a datacenter that is not defined', () => {
    const p = example('zoom-2020');
    for (const d of ['xxx', '', 'toString', '__proto__', 'SHA']) expect(allowed(p, 'cn', d)).toBe(false);
  });

  it('never allows a datacenter whose region is not defined, though no parsed policy has one', () => {
    const { policy } = example('zoom-2020');
    const sha = {
      name: 'sha',
      region: 'gone',
      url: 'wss://sha.example.net',
      weight: 1,
      key: null,
      media: [],
    };
    const p = compilePolicy({ ...policy, datacenters: new Map([...policy.datacenters, ['sha', sha]]) });
    expect(p.regionNames.filter((c) => allowed(p, c, 'sha'))).toEqual([]);
    expect(explainAllowed(p, 'cn', 'sha').allowed).toBe(false);
  });

  it('leaves out closed datacenters, for everyone', () => {
    const p = compiled(edited('zoom-2020', 'closed: []', 'closed: [sha, hkg]'));
    expect(p.datacenterNames.filter((d) => allowed(p, 'cn', d))).toEqual(['sjc', 'iad', 'fra', 'ams', 'tsn']);
  });
});

describe('A(L)', () => {
  it.each([
    ['evidence of nothing else', label('us'), 'sjc iad fra ams hkg'],
    ['claim cn, address us: outside the fence', label('cn', ['us']), 'sjc iad fra ams hkg'],
    ['claim us, address cn: never within it', label('us', ['cn']), 'sjc iad fra ams hkg'],
    ['evidence that the policy does not define', label('us', ['xx']), '-'],
    ['narrowed to us', label('us', [], ['us']), 'sjc iad'],
    ['narrowed to cn', label('us', [], ['cn']), '-'],
    ['cn narrowed to cn', label('cn', [], ['cn']), 'sha tsn'],
    ['narrowed to nothing', label('us', [], []), '-'],
    ['narrowed to what is not defined', label('us', [], ['xx']), '-'],
    [
      'a home that is not in its own evidence',
      { home: 'us', evidence: [], regions: null },
      'sjc iad fra ams hkg',
    ],
    ['a home that the policy does not define', label('xx', ['us']), '-'],
  ])('%s', (_, l, set) => {
    const p = example('zoom-2020');
    expect(allowedSet(p, l)).toEqual(names(set));
    expect(p.datacenterNames.filter((d) => allowedForLabel(p, l, d))).toEqual(names(set));
  });
});

describe('the rule that decided', () => {
  it.each([
    ['zoom-2020', 'us', 'sha', false, 'admits', 'sha is in cn, and cn admits only [cn]', 'regions.cn.admits'],
    ['zoom-2020', 'cn', 'sha', true, 'admits', 'sha is in cn, which admits cn', 'regions.cn.admits'],
    ['zoom-2020', 'us', 'hkg', true, 'admits', 'hkg is in hk, which admits any region', 'regions.hk.admits'],
    [
      'eu-confined',
      'eu',
      'iad',
      false,
      'confined',
      'eu is confined to its own datacenters, and iad is in us',
      'regions.eu.confined',
    ],
    ['zoom-2020', 'xx', 'sha', false, 'unknown-region', 'the policy defines no region "xx"', 'regions'],
    [
      'zoom-2020',
      'us',
      'xxx',
      false,
      'unknown-datacenter',
      'the policy defines no datacenter "xxx"',
      'datacenters',
    ],
  ])('%s: %s at %s: %s, by %s', (name, region, datacenter, is, rule, message, path) => {
    expect(explainAllowed(example(name), region, datacenter)).toEqual({
      allowed: is,
      rule,
      client: region,
      message,
      path: path.split('.'),
    });
  });

  it('closed, and where', () => {
    const p = compiled(edited('zoom-2020', 'closed: []', 'closed: [hkg, sha]'));
    expect(explainAllowed(p, 'cn', 'sha')).toMatchObject({
      allowed: false,
      rule: 'closed',
      path: ['closed', 1],
    });
  });

  it('of a label: the first region of evidence that forbids, then narrowing', () => {
    const p = example('zoom-2020');
    expect(explainAllowed(p, label('cn', ['us']), 'sha')).toMatchObject({ rule: 'admits', client: 'us' });
    expect(explainAllowed(p, label('us', [], ['eu']), 'sjc')).toMatchObject({
      allowed: false,
      rule: 'narrowing',
    });
  });

  it('tells each unknown name by its own', () => {
    const p = example('zoom-2020');
    for (const name of ['xx', 'yy']) {
      expect(explainAllowed(p, name, 'sha').message).toBe(`the policy defines no region "${name}"`);
      expect(explainAllowed(p, 'us', name).message).toBe(`the policy defines no datacenter "${name}"`);
    }
  });

  it('agrees with the predicate on every pair', () => {
    for (const name of ['zoom-2020', 'zoom-2020-february', 'eu-confined', 'government', 'global']) {
      const p = example(name);
      for (const c of [...p.regionNames, 'xx']) {
        for (const d of [...p.datacenterNames, 'xxx']) {
          expect(explainAllowed(p, c, d).allowed, `${name} ${c} ${d}`).toBe(allowed(p, c, d));
        }
      }
    }
  });
});
