import { describe, expect, it } from 'vitest';
import { diffPolicies, type PolicyDiff } from './diff.ts';
import { edited, exampleText, parsed } from './testing/examples.ts';

const ZOOM = parsed(exampleText('zoom-2020')).policy;
const lines = (diff: PolicyDiff) =>
  diff.gained.map((g) => `${g.family} ${g.who}: ${g.datacenters.join(' ')}`);
const toZoom = (from: string, to: string) => diffPolicies(ZOOM, parsed(edited('zoom-2020', from, to)).policy);
const fromZoom = (from: string, to: string) =>
  diffPolicies(parsed(edited('zoom-2020', from, to)).policy, ZOOM);

/** A datacenter that is another, and open: what addresses anywhere gain. */
const addresses = (datacenter: string) => [
  ...['US', 'CA', 'MX', 'DE', 'FR', 'NL', 'HK', 'MO', 'CN'].map((k) => `address ${k}: ${datacenter}`),
  `evidence (no region): ${datacenter}`,
];

describe('widens, though check may hold', () => {
  it.each([
    [
      'a datacenter retagged into an open region',
      'tsn: { region: cn',
      'tsn: { region: hk',
      [
        'fence us: tsn',
        'fence eu: tsn',
        'fence hk: tsn',
        'fence cn: tsn',
        'seat cn: tsn',
        ...addresses('tsn'),
      ],
    ],
    [
      'a name pointed at another site',
      'wss://hkg.example.net',
      'wss://sha.example.cn',
      [
        ...['us', 'eu', 'hk', 'cn'].flatMap((region) => [`fence ${region}: hkg`, `seat ${region}: hkg`]),
        ...addresses('hkg'),
      ],
    ],
    [
      'a fence opened',
      'admits: [cn]',
      'admits: [cn, hk]',
      ['fence hk: sha tsn', 'address HK: sha tsn', 'address MO: sha tsn'],
    ],
    [
      'a country moved',
      '[US, CA, MX], admits: any }\n  eu: { countries: [DE,',
      '[US, MX], admits: any }\n  eu: { countries: [DE, CA,',
      [],
    ],
    [
      'a country moved into the fence',
      '[HK, MO],     admits: any }\n  cn: { countries: [CN]',
      '[HK],         admits: any }\n  cn: { countries: [CN, MO]',
      ['address MO: sha tsn'],
    ],
    ['a country taken out of its region', '[HK, MO]', '[HK]', ['evidence MO: sha tsn']],
    ['a country put into a region', '[HK, MO]', '[HK, MO, TW]', ['address TW: sjc iad fra ams hkg']],
    [
      'unknown: refuse → cn',
      'unknown: refuse',
      'unknown: cn',
      [
        'fence (no claim): sjc iad fra ams hkg sha tsn',
        'seat (no claim): sjc hkg',
        'seat (no claim): sha tsn',
      ],
    ],
    [
      'a route entry that the fences admit',
      'secondaries: [hkg, sjc]',
      'secondaries: [hkg, sjc, iad]',
      ['seat cn: iad'],
    ],
    [
      'a new key',
      'tsn: { region: cn,',
      'tsn: { region: cn, key: other,',
      ['fence cn: tsn', 'seat cn: tsn', 'address CN: tsn', 'evidence (no region): tsn'],
    ],
  ])('%s', (_, from, to, expected) => {
    const diff = toZoom(from, to);
    expect(lines(diff)).toEqual(expected);
    expect(diff.widens).toBe(expected.length > 0);
  });

  it('dropping confined', () => {
    const before = parsed(exampleText('eu-confined')).policy;
    const after = parsed(edited('eu-confined', 'confined: true', 'confined: false')).policy;
    expect(lines(diffPolicies(before, after))).toContain('fence eu: zrh iad sjc');
  });

  it('letting a datacenter out of the emergency brake', () => {
    expect(fromZoom('closed: []', 'closed: [hkg]').widens).toBe(true);
    expect(toZoom('closed: []', 'closed: [hkg]').widens).toBe(false);
  });

  it('conflict: refuse → both, for addresses in no region', () => {
    expect(lines(fromZoom('conflict: both', 'conflict: refuse'))).toEqual([
      'evidence (no region): sjc iad fra ams hkg sha tsn',
    ]);
  });
});

describe('widens nothing', () => {
  it.each([
    [
      'a primary made a secondary',
      'primaries: [sjc, iad], secondaries: [fra, ams, hkg]',
      'primaries: [sjc], secondaries: [iad, fra, ams, hkg]',
    ],
    ['another order', 'primaries: [sjc, iad]', 'primaries: [iad, sjc]'],
    ['a weight', 'hkg: { region: hk,', 'hkg: { region: hk, weight: 3,'],
    ['an entry of a route taken out', 'secondaries: [fra, ams, hkg]', 'secondaries: [fra, ams]'],
    [
      'a fence closed',
      'hk: { countries: [HK, MO],     admits: any',
      'hk: { countries: [HK, MO], admits: [hk, cn]',
    ],
    ['a date', '2027-06-30', '2028-06-30'],
    [
      'the mistake of February, which the fences hold',
      'secondaries: [fra, ams, hkg]',
      'secondaries: [fra, ams, hkg, sha]',
    ],
  ])('%s', (_, from, to) => {
    expect(toZoom(from, to)).toMatchObject({ widens: false, gained: [] });
  });

  it('and says nothing of a policy and itself', () => {
    expect(diffPolicies(ZOOM, ZOOM).notes).toEqual([]);
  });

  it('and says what changed', () => {
    expect(toZoom('primaries: [sjc, iad]', 'primaries: [iad, sjc]').notes).toEqual([
      'version 12 is not above 12: nodes that run 12 refuse it',
      'primaries of us: [sjc, iad] → [iad, sjc]',
    ]);
    expect(toZoom('tsn: { region: cn', 'tsn: { region: hk').identities).toEqual([
      { datacenter: 'tsn', part: 'region', from: 'cn', to: 'hk' },
    ]);
  });
});
