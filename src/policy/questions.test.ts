import { describe, expect, it } from 'vitest';
import { graph } from './graph.ts';
import { meet } from './meet.ts';
import { type RecordedDecision, replay } from './replay.ts';
import { outcomes, simulate } from './simulate.ts';
import { compiled, edited, example } from './testing/examples.ts';

const zoom = example('zoom-2020');
const february = example('zoom-2020-february');
const set = (text: string) => new Set(text.split(' ').filter((d) => d !== ''));

describe('simulate', () => {
  it.each([
    ['nothing down', 'us', '', 'sjc:served', 'sjc'],
    ['the first primary down', 'us', 'sjc', 'sjc:down iad:served', 'iad'],
    ['all primaries down', 'us', 'sjc iad fra ams', 'sjc:down iad:down hkg:served', 'hkg'],
    ['all but China down', 'us', 'sjc iad fra ams hkg', 'sjc:down iad:down', null],
    ['cn with its own down', 'cn', 'sha tsn hkg', 'sha:down tsn:down sjc:served', 'sjc'],
  ])('%s', (_, client, down, attempts, served) => {
    for (const p of [zoom, february]) {
      const simulation = simulate(p, client, set(down), 'jti');
      expect(simulation.attempts.map((a) => `${a.datacenter}:${a.outcome}`).join(' ')).toBe(attempts);
      expect(simulation.served).toBe(served);
    }
  });

  it('draws two, and never what the fence bars', () => {
    expect(simulate(february, 'us', set('sjc iad'), 'jti').drawn).toHaveLength(2);
    expect(
      simulate(february, 'us', new Set(), 'jti').barred.map((b) => `${b.datacenter} ${b.why.rule}`),
    ).toEqual(['sha admits', 'tsn admits']);
    expect(simulate(zoom, 'us', new Set(), 'jti').barred).toEqual([]);
  });

  it('lists every outcome, and what has to fail before it', () => {
    expect(outcomes(zoom, 'cn', new Set()).map((o) => `${o.served} after ${o.needs.join(' ')}`)).toEqual([
      'sha after ',
      'tsn after sha',
      'hkg after sha tsn',
      'sjc after sha tsn',
      'null after sha tsn hkg sjc',
    ]);
    expect(outcomes(zoom, 'us', set('sjc fra')).map((o) => o.served)).toEqual(['iad', 'ams', 'hkg', null]);
  });
});

describe('meet', () => {
  it.each([
    ['us cn', true, 'us: sjc iad fra ams hkg; cn: hkg sjc', 'sjc hkg'],
    ['cn', true, 'cn: sha tsn hkg sjc', 'hkg sjc sha tsn'],
    [
      'us eu hk cn',
      true,
      'us: sjc iad fra ams hkg; eu: fra ams iad sjc hkg; hk: hkg sjc fra ams; cn: hkg sjc',
      'sjc hkg',
    ],
  ])('%s', (regions, possible, seats, together) => {
    const meeting = meet(zoom, regions.split(' '));
    expect(meeting.possible).toBe(possible);
    expect(meeting.seats.map((s) => `${s.region}: ${s.datacenters.join(' ')}`).join('; ')).toBe(seats);
    expect(new Set(meeting.together)).toEqual(set(together));
  });

  it('says why nowhere', () => {
    const p = compiled(edited('zoom-2020', 'secondaries: [hkg, sjc]', 'secondaries: []'));
    const meeting = meet(p, ['us', 'cn']);
    expect(meeting.possible).toBe(false);
    expect(meeting.seats[1]).toEqual({ region: 'cn', datacenters: [] });
    expect(meeting.barred.map((b) => `${b.datacenter} ${b.why.client} ${b.why.rule}`)).toEqual([
      'sha us admits',
      'tsn us admits',
    ]);
  });
});

describe('replay', () => {
  const record = (over: Partial<RecordedDecision>): RecordedDecision => ({
    step: 'join',
    kind: 'admit',
    code: 'admitted',
    rule: 'admits',
    here: 'sjc',
    home: 'us',
    evidence: ['us'],
    regions: null,
    at: Date.UTC(2026, 0, 1),
    ...over,
  });
  const away = { kind: 'redirect', code: 'region_not_admitted', here: 'sha' } as const;
  const unknown = {
    kind: 'refuse',
    code: 'region_unknown',
    rule: 'unknown',
    home: null,
    evidence: [],
  } as const;

  it.each([
    ['nothing flips under the same policy', zoom, {}, []],
    ['a redirect stays one', zoom, away, []],
    ['the mistake of February admits nobody', february, away, []],
    [
      'an opened fence admits: opens',
      compiled(
        edited('zoom-2020', 'admits: [cn]', 'admits: [cn, us]').replace(
          'ams, hkg] }\n  eu',
          'ams, sha] }\n  eu',
        ),
      ),
      away,
      ['redirect→admit yes'],
    ],
    [
      'a closed datacenter',
      compiled(edited('zoom-2020', 'closed: []', 'closed: [sjc]')),
      {},
      ['admit→redirect no'],
    ],
    [
      'a draft that had expired by then',
      compiled(edited('zoom-2020', '2027-06-30', '2025-06-30')),
      {},
      ['admit→refuse no'],
    ],
    [
      'refused for no claim, and no longer',
      compiled(edited('zoom-2020', 'unknown: refuse', 'unknown: cn')),
      { ...unknown, here: 'sha' },
      ['refuse→admit possibly'],
    ],
    ['refused for no claim, and still', february, unknown, []],
    [
      'refused for a conflict, which no longer refuses',
      zoom,
      { kind: 'refuse', code: 'region_conflict', rule: 'conflict', home: null } as const,
      ['refuse→redirect possibly'],
    ],
    [
      'media kept out, and let in',
      compiled(edited('zoom-2020', 'admits: [cn]', 'admits: any')),
      { step: 'consume', kind: 'refuse', code: 'region_not_admitted', here: 'sha' } as const,
      ['refuse→admit yes'],
    ],
    [
      'a full house says nothing of the draft',
      zoom,
      { ...away, kind: 'refuse', code: 'no_datacenter_up' } as const,
      [],
    ],
    ['a list is asked from nowhere', zoom, { step: 'directory', kind: 'list', code: 'listed' } as const, []],
  ])('%s', (_, draft, over, flips) => {
    const result = replay(draft, [record(over)]);
    expect(result.flips.map((f) => `${f.from}→${f.to} ${f.opens}`)).toEqual(flips);
    expect(result.judged).toBe(1);
  });

  it('leaves out what no policy decides', () => {
    const result = replay(zoom, [record({ kind: 'refuse', code: 'token_expired', home: null }), record({})]);
    expect(result).toEqual({ judged: 1, skipped: 1, flips: [] });
  });
});

describe('graph', () => {
  it('draws every entry once, forbidden ones as such', () => {
    const count = (svg: string, kind: string) =>
      svg.match(new RegExp(`<path class="${kind}" d="M\\d+,[^"]* C`, 'g'))?.length ?? 0;
    expect(['primary', 'secondary', 'forbidden'].map((k) => count(graph(zoom), k))).toEqual([7, 11, 0]);
    expect(['primary', 'secondary', 'forbidden'].map((k) => count(graph(february), k))).toEqual([7, 11, 4]);
    expect(graph(february)).toContain('<title>us → sha, secondary, forbidden</title>');
  });

  it('has nothing of a name in it as markup', () => {
    const p = { ...zoom, policy: { ...zoom.policy, cloud: '<script>"&' } };
    expect(graph(p)).not.toContain('<script>');
  });
});
