import { describe, expect, it } from 'vitest';
import { NO_CLAIM, NO_REGION, reachOf } from './reach.ts';
import { compiled, edited, example } from './testing/examples.ts';

const zoom = example('zoom-2020');
const rowsOf = (p = zoom, countries: readonly string[] = []) =>
  reachOf(p, countries).map((row) => `${row.family} ${row.who}`);
const regions = ['us', 'eu', 'hk', 'cn'].flatMap((region) => [`fence ${region}`, `seat ${region}`]);

describe('the rows of reach', () => {
  it('are those of the regions, and of an address in no region', () => {
    expect(rowsOf()).toEqual([...regions, `evidence ${NO_REGION}`]);
  });

  it('have those of a session without a claim only where such a session is given a region', () => {
    const open = compiled(edited('zoom-2020', 'unknown: refuse', 'unknown: us'));
    expect(rowsOf(open)).toEqual([
      ...regions,
      `fence ${NO_CLAIM}`,
      `seat ${NO_CLAIM}`,
      `evidence ${NO_REGION}`,
    ]);
  });

  it('have an address only for a country that is in a region: another one selects nothing', () => {
    expect(rowsOf(zoom, ['CN', 'TW']).slice(regions.length)).toEqual([
      'address CN',
      'evidence CN',
      'evidence TW',
      `evidence ${NO_REGION}`,
    ]);
  });

  it('tell each way', () => {
    const rows = new Map(reachOf(zoom, ['CN', 'TW']).map((row) => [`${row.family} ${row.who}`, row]));
    const ways = (row: string, datacenter: string) => rows.get(row)?.ways(datacenter).join(', ');
    expect(ways('fence us', 'hkg')).toBe('pipe');
    expect(ways('fence us', 'sha')).toBe('');
    expect(ways('seat us', 'sjc')).toBe('primary, redirect, room move');
    expect(ways('seat us', 'fra')).toBe('secondary, redirect, room move');
    expect(ways('seat cn', 'fra')).toBe('');
    expect(ways('address CN', 'sha')).toBe('address');
    expect(ways('evidence TW', 'sha')).toBe('address');
    expect(ways('evidence TW', 'xxx')).toBe('');
  });
});
