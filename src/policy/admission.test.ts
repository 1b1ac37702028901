import { describe, expect, it } from 'vitest';
import { decide } from './admission.ts';
import type { CompiledPolicy } from './compile.ts';
import type { Label } from './model.ts';
import { compiled, edited, example } from './testing/examples.ts';

const zoom = example('zoom-2020');
const february = example('zoom-2020-february');
const BEFORE = Date.UTC(2027, 0, 1);
const EXPIRY = Date.UTC(2027, 5, 30);
const label = (home: string, evidence: string[] = [], regions: string[] | null = null): Label => ({
  home,
  evidence: [home, ...evidence],
  regions,
});

/** `admit`, `redirect <primaries> | <secondaries>` (sorted), or `refuse`; with code and rule. */
function outcome(p: CompiledPolicy, l: Label, here: string, down: string, now = BEFORE): string {
  const decision = decide(p, l, here, (d) => !down.split(' ').includes(d), { jti: 'jti-1', now });
  expect(decision.policy).toBe(p.digest);
  const why = `${decision.code} ${decision.rule}`;
  if (decision.kind === 'admit') return 'admit';
  if (decision.kind === 'refuse') return `refuse ${why}${decision.retry ? ' retry' : ''}`;
  const { primaries, secondaries } = decision.list;
  return `redirect ${primaries.join(' ')} | ${[...secondaries].sort().join(' ')}: ${why}`;
}

describe('zoom-2020', () => {
  const all = 'sjc iad fra ams hkg sha tsn';
  it.each([
    ['us at a primary', label('us'), 'sjc', '', 'admit'],
    ['us at a secondary', label('us'), 'hkg', '', 'admit'],
    ['us in China', label('us'), 'sha', 'fra', 'redirect sjc iad | ams hkg: region_not_admitted admits'],
    [
      'us in China, primaries down',
      label('us'),
      'sha',
      'sjc iad fra',
      'redirect  | ams hkg: region_not_admitted admits',
    ],
    [
      'us in China, all else down',
      label('us'),
      'sha',
      'sjc iad fra ams hkg',
      'refuse no_datacenter_up live retry',
    ],
    [
      'us anywhere, everything down but China',
      label('us'),
      'tsn',
      'sjc iad fra ams hkg',
      'refuse no_datacenter_up live retry',
    ],
    ['us where it is, the others down', label('us'), 'iad', all, 'admit'],
    ['cn in China', label('cn'), 'sha', '', 'admit'],
    [
      'cn at fra, allowed but not in its route',
      label('cn'),
      'fra',
      '',
      'redirect sha tsn | hkg sjc: region_not_admitted route',
    ],
    [
      'claim cn, address us, in China',
      label('cn', ['us']),
      'sha',
      '',
      'redirect  | hkg sjc: region_not_admitted admits',
    ],
    [
      'claim us, address cn, in China',
      label('us', ['cn']),
      'sha',
      'fra',
      'redirect sjc iad | ams hkg: region_not_admitted admits',
    ],
    [
      'us narrowed to eu, at sjc',
      label('us', [], ['eu']),
      'sjc',
      '',
      'redirect  | ams fra: region_not_admitted narrowing',
    ],
    ['us narrowed to cn', label('us', [], ['cn']), 'sjc', '', 'refuse narrowing_empty narrowing'],
    ['us narrowed to nothing', label('us', [], []), 'sjc', '', 'refuse narrowing_empty narrowing'],
    ['a region that is not defined', label('xx'), 'sjc', '', 'refuse region_unknown unknown-region'],
    ['evidence that is not defined', label('us', ['xx']), 'sjc', '', 'refuse region_conflict evidence'],
    [
      'at a datacenter that is not defined',
      label('us'),
      'xxx',
      'fra',
      'redirect sjc iad | ams hkg: region_not_admitted unknown-datacenter',
    ],
  ])('%s', (_, l, here, down, expected) => {
    expect(outcome(zoom, l, here, down)).toBe(expected);
  });
});

describe('the mistake of February 2020 is harmless at the door', () => {
  it.each([
    ['sha', 'sjc iad', /^redirect {2}\| (ams fra|ams hkg|fra hkg): region_not_admitted admits$/],
    ['sha', 'sjc iad fra ams hkg', /^refuse no_datacenter_up live retry$/],
    ['tsn', '', /^redirect sjc iad \| /],
  ])('us at %s with %s down', (here, down, expected) => {
    expect(outcome(february, label('us'), here, down)).toMatch(expected);
  });
});

describe('reasons', () => {
  const jti = { jti: 'j', now: BEFORE };
  it('a redirect says which rule keeps the session out of here, and is not for a retry', () => {
    expect(decide(zoom, label('us'), 'sha', () => true, jti)).toMatchObject({
      retry: false,
      message: 'sha is in cn, and cn admits only [cn]',
    });
    expect(decide(zoom, label('cn'), 'fra', () => true, jti)).toMatchObject({
      retry: false,
      message: 'fra is not in the route of cn',
    });
  });

  it('the widest cause is told, also where the fences bar a part of the route', () => {
    expect(outcome(february, label('us', ['xx']), 'sjc', '')).toBe('refuse region_conflict evidence');
    expect(outcome(february, label('us', [], []), 'sjc', '')).toBe('refuse narrowing_empty narrowing');
    expect(outcome(february, label('us', [], ['cn']), 'sjc', '')).toBe('refuse narrowing_empty narrowing');
  });

  it('an admission is one object for each policy', () => {
    const decision = decide(zoom, label('us'), 'sjc', () => true, jti);
    expect(decision).toMatchObject({ kind: 'admit', rule: 'admits', retry: false });
    expect(decide(zoom, label('eu'), 'fra', () => true, jti)).toBe(decision);
    expect(decide(february, label('us'), 'sjc', () => true, jti)).not.toBe(decision);
  });
});

describe('operations', () => {
  it('closed: nobody new at once, and redirected', () => {
    const p = compiled(edited('zoom-2020', 'closed: []', 'closed: [sjc]'));
    expect(outcome(p, label('us'), 'sjc', 'fra')).toBe('redirect iad | ams hkg: region_not_admitted closed');
  });

  it('everything closed: refused, and not for a retry', () => {
    const p = compiled(edited('zoom-2020', 'closed: []', 'closed: [sjc, iad, fra, ams, hkg]'));
    expect(outcome(p, label('us'), 'sjc', '')).toBe('refuse region_refused closed');
  });

  it('no route: refused', () => {
    const text = edited('zoom-2020', '  hk: { primaries: [hkg],      secondaries: [sjc, fra, ams] }\n', '');
    expect(outcome(compiled(text), label('hk'), 'hkg', '')).toBe('refuse region_refused route');
  });

  it('a route that the fences leave nothing of: refused', () => {
    const text = edited(
      'zoom-2020',
      'primaries: [sjc, iad], secondaries: [fra, ams, hkg]',
      'primaries: [sha]',
    );
    expect(outcome(compiled(text), label('us'), 'sha', '')).toBe('refuse region_refused admits');
  });

  it.each([
    [EXPIRY - 1, 'admit'],
    [EXPIRY, 'refuse policy_expired expires retry'],
    [EXPIRY + 1, 'refuse policy_expired expires retry'],
  ])('expires, at %i', (now, expected) => {
    expect(outcome(zoom, label('us'), 'sjc', '', now)).toBe(expected);
  });

  it('never expires without a date', () => {
    expect(outcome(example('government'), label('gov-east'), 'gov-iad', '', Number.MAX_SAFE_INTEGER)).toBe(
      'admit',
    );
  });
});
