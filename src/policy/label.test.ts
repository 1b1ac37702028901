import { describe, expect, it } from 'vitest';
import { type AddressEvidence, labelFor, narrow, widenEvidence } from './label.ts';
import type { Label } from './model.ts';
import { compiled, edited, example } from './testing/examples.ts';

const both = example('zoom-2020');
const refuse = compiled(edited('zoom-2020', 'conflict: both', 'conflict: refuse'));
const unknownCn = compiled(edited('zoom-2020', 'unknown: refuse', 'unknown: cn'));
const strictUs = compiled(
  edited('zoom-2020', 'unknown: refuse', 'unknown: us').replace('conflict: both', 'conflict: refuse'),
);
const from = (country: string | null): AddressEvidence => ({ kind: 'country', country });
const NONE: AddressEvidence = { kind: 'none' };

describe('home and evidence', () => {
  it.each([
    ['a claim, no address', both, 'us', NONE, 'us: us'],
    ['a claim and an address that agree', both, 'us', from('CA'), 'us: us'],
    ['both: a claim and an address that differ', both, 'us', from('CN'), 'us: cn us'],
    ['both: an address in no region adds nothing', both, 'us', from('BR'), 'us: us'],
    ['both: an address in no country adds nothing', both, 'us', from(null), 'us: us'],
    ['refuse: a claim and an address that agree', refuse, 'us', from('US'), 'us: us'],
    ['refuse: a claim and an address that differ', refuse, 'us', from('CN'), 'region_conflict conflict'],
    ['refuse: an address in no region', refuse, 'us', from('BR'), 'address_unknown country'],
    ['refuse: an address in no country', refuse, 'us', from(null), 'address_unknown country'],
    ['refuse: no address', refuse, 'us', NONE, 'us: us'],
    ['a claim that the policy does not define', both, 'xx', from('US'), 'region_unknown unknown-region'],
    ['a claim of a country', both, 'US', NONE, 'region_unknown unknown-region'],
    ['an empty claim', both, '', from('US'), 'region_unknown unknown-region'],
    ['no claim, unknown: refuse', both, null, from('US'), 'region_unknown unknown'],
    ['no claim, unknown: cn, from cn', unknownCn, null, from('CN'), 'cn: cn'],
    ['no claim, unknown: cn, from us: within no fence', unknownCn, null, from('US'), 'cn: cn us'],
    ['no claim, unknown: cn, from nowhere', unknownCn, null, NONE, 'cn: cn'],
    ['no claim, unknown: us, conflict: refuse, from cn', strictUs, null, from('CN'), 'us: cn us'],
    [
      'no claim, unknown: us, conflict: refuse, no region',
      strictUs,
      null,
      from('BR'),
      'address_unknown country',
    ],
  ])('%s', (_, p, claim, evidence, expected) => {
    const result = labelFor(p, { claim, evidence, narrowing: null });
    expect(
      result.ok
        ? `${result.label.home}: ${result.label.evidence.join(' ')}`
        : `${result.code} ${result.rule}`,
    ).toBe(expected);
  });
});

describe('narrowing', () => {
  it.each([
    ['all', null, undefined, null],
    ['regions', ['us', 'eu', 'us'], undefined, ['eu', 'us']],
    ['none at all', [], undefined, []],
    ['except', null, ['cn'], ['eu', 'hk', 'us']],
    ['regions and except', ['us', 'cn'], ['cn'], ['us']],
    ['an empty except', ['us'], [], ['us']],
  ])('%s', (_, narrowing, except, expected) => {
    const result = labelFor(both, { claim: 'us', evidence: NONE, narrowing, ...(except && { except }) });
    expect(result).toMatchObject({ ok: true, label: { regions: expected } });
  });

  it('refuses an exclusion that would exclude nothing', () => {
    const result = labelFor(both, { claim: 'us', evidence: NONE, narrowing: null, except: ['chn'] });
    expect(result).toMatchObject({ ok: false, code: 'region_unknown', rule: 'except' });
  });

  it('only shrinks', () => {
    const start: Label = { home: 'us', evidence: ['us'], regions: null };
    const once = narrow(start, ['us', 'eu']);
    expect(once.regions).toEqual(['us', 'eu']);
    expect(narrow(once, ['eu', 'hk']).regions).toEqual(['eu']);
    expect(narrow(once, null).regions).toEqual(['us', 'eu']);
    expect(narrow(once, []).regions).toEqual([]);
  });
});

describe('a later address', () => {
  const label: Label = { home: 'us', evidence: ['us'], regions: ['us'] };
  it.each([
    ['adds its region', both, from('CN'), ['cn', 'us']],
    ['adds nothing new', both, from('MX'), ['us']],
    ['adds nothing when it is nowhere', both, from('BR'), ['us']],
    ['adds nothing when there is none', refuse, NONE, ['us']],
  ])('%s', (_, p, evidence, expected) => {
    expect(widenEvidence(p, label, evidence)).toEqual({ ok: true, label: { ...label, evidence: expected } });
  });

  it('is refused under conflict: refuse when it brings another region, or none', () => {
    expect(widenEvidence(refuse, label, from('CN'))).toMatchObject({ ok: false, code: 'region_conflict' });
    expect(widenEvidence(refuse, label, from('BR'))).toMatchObject({ ok: false, code: 'address_unknown' });
    expect(widenEvidence(refuse, label, from('US'))).toMatchObject({ ok: true });
  });
});
