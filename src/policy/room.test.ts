import { describe, expect, it } from 'vitest';
import type { Label } from './model.ts';
import { admitToRoom, common, type Member } from './room.ts';
import { compiled, edited, example } from './testing/examples.ts';

const zoom = example('zoom-2020');
const label = (home: string, regions: string[] | null = null): Label => ({ home, evidence: [home], regions });

/** `us@sjc` is a member of region us that sits at sjc. */
function member(text: string): Member {
  const [home = '', seat = ''] = text.split('@');
  return { id: text, label: label(home), seat, jti: text };
}

function verdict(
  members: string,
  newcomer: Label,
  down = '',
  options: { moves?: boolean; regions?: string[] } = {},
) {
  const result = admitToRoom(zoom, {
    members: members === '' ? [] : members.split(' ').map(member),
    newcomer: { label: newcomer, jti: 'new' },
    regions: options.regions ?? null,
    live: (d) => !down.split(' ').includes(d),
    moves: options.moves ?? true,
  });
  if (result.kind === 'refuse') return `refuse ${result.code}${result.retry ? ' retry' : ''}`;
  const seats = [...result.list.primaries, ...[...result.list.secondaries].sort()].join(' ');
  const moves = result.moves
    .map(({ id, list }) => ` ${id}→${[...list.primaries, ...[...list.secondaries].sort()].join(',')}`)
    .join('');
  return `sit ${seats};${moves}`;
}

describe('common', () => {
  it.each([
    ['us', 'sjc iad fra ams hkg'],
    ['cn', 'sjc iad fra ams hkg sha tsn'],
    ['us cn', 'sjc iad fra ams hkg'],
    ['us xx', ''],
  ])('of %s', (homes, expected) => {
    expect(
      common(
        zoom,
        homes.split(' ').map((home) => label(home)),
      ).join(' '),
    ).toBe(expected);
  });
});

describe('a newcomer', () => {
  it.each([
    ['alone sits where its route says', '', label('us'), 'fra', 'sit sjc iad ams hkg;'],
    ['of the same region moves nobody', 'us@sjc', label('us'), 'fra', 'sit sjc iad ams hkg;'],
    ['cn alone sits in China', '', label('cn'), '', 'sit sha tsn hkg sjc;'],
    ['cn in a room of us stays outside China', 'us@sjc', label('cn'), '', 'sit hkg sjc;'],
    [
      'us in a room of cn in China moves it',
      'cn@sha',
      label('us'),
      'fra',
      'sit sjc iad ams hkg; cn@sha→hkg,sjc',
    ],
    ['the same without hkg', 'cn@sha', label('us'), 'hkg', 'sit sjc iad ams fra; cn@sha→sjc'],
    [
      'the same without hkg and sjc: cn would be left without a seat',
      'cn@sha',
      label('us'),
      'hkg sjc',
      'refuse no_datacenter_up retry',
    ],
    [
      'of cn, where its seats are down, into a room of us',
      'us@iad',
      label('cn'),
      'hkg sjc',
      'refuse no_datacenter_up retry',
    ],
    ['of a region that is not defined', 'us@sjc', label('xx'), '', 'refuse room_apart'],
    [
      'members in common do not move, even to a better place',
      'us@hkg cn@hkg',
      label('eu'),
      'hkg sjc iad',
      'refuse no_datacenter_up retry',
    ],
    [
      'moves several, each to its own route',
      'cn@sha cn@tsn us@sjc',
      label('eu'),
      'ams',
      'sit fra iad sjc; cn@sha→hkg,sjc cn@tsn→hkg,sjc',
    ],
    ['narrowed to the us', 'us@sjc', label('us', ['us']), '', 'sit sjc iad;'],
    [
      'narrowed to the us moves others there',
      'us@hkg',
      label('us', ['us']),
      '',
      'sit sjc iad; us@hkg→sjc,iad',
    ],
    ['narrowed to hk meets eu in hk', 'eu@fra', label('us', ['hk']), '', 'sit hkg; eu@fra→hkg'],
    ['narrowed to cn', 'cn@sha', label('us', ['cn']), '', 'refuse room_apart'],
    // Waiting for a datacenter helps only where everyone has a seat once all are up.
    ['narrowed to eu, where cn has no seat', 'us@fra', label('cn', ['eu']), '', 'refuse room_apart'],
    ['narrowed to eu, into a room of cn', 'cn@hkg', label('us', ['eu']), '', 'refuse room_apart'],
  ])('%s', (_, members, newcomer, down, expected) => {
    expect(verdict(members, newcomer, down)).toBe(expected);
  });

  it('is refused instead, where the host did not consent to moves', () => {
    expect(verdict('cn@sha', label('us'), '', { moves: false })).toBe('refuse room_apart');
    expect(verdict('cn@hkg', label('us'), 'fra', { moves: false })).toBe('sit sjc iad ams hkg;');
  });

  it('is bound by the narrowing of those who have left', () => {
    expect(verdict('us@sjc', label('us'), '', { regions: ['us'] })).toBe('sit sjc iad;');
    expect(verdict('us@sjc', label('us', ['us', 'eu']), '', { regions: ['eu', 'hk'] })).toMatch(
      /^sit ams fra; us@sjc→/,
    );
  });

  it('of a confined region draws the room to it', () => {
    const p = example('eu-confined');
    const result = admitToRoom(p, {
      members: [{ id: 'm', label: label('us'), seat: 'iad', jti: 'm' }],
      newcomer: { label: label('eu'), jti: 'n' },
      regions: null,
      live: () => true,
      moves: true,
    });
    expect(result).toMatchObject({
      kind: 'admit',
      common: ['fra', 'ams', 'waw', 'mad'],
      moves: [{ id: 'm', from: 'iad' }],
    });
  });

  it('of a region with a closed datacenter', () => {
    const p = compiled(edited('zoom-2020', 'closed: []', 'closed: [sjc]'));
    const result = admitToRoom(p, {
      members: [member('us@sjc')],
      newcomer: { label: label('us'), jti: 'n' },
      regions: null,
      live: () => true,
      moves: true,
    });
    expect(result).toMatchObject({ kind: 'admit', moves: [{ id: 'us@sjc', list: { primaries: ['iad'] } }] });
  });
});
