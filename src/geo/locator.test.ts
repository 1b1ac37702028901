import { createHash } from 'node:crypto';
import { mkdtempSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type CountryResponse, Reader } from 'maxmind';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  createLocator,
  type DatabaseStatus,
  type Evidence,
  type Locator,
  type LocatorOptions,
} from './locator.ts';
import { mmdb } from './testing/mmdb-writer.ts';

const BUILT_AT = Date.UTC(2026, 10, 1);
const DATABASE = mmdb(
  {
    '203.0.113.0/24': 'CN',
    '203.0.113.128/25': 'HK',
    '198.51.100.0/24': 'us',
    '2001:db8::/32': 'DE',
    '2001:db8:1::/48': 'FR',
    '192.0.2.0/25': { country_code: 'NL' },
    '192.0.2.128/26': { country: 'CA' },
    '192.0.2.192/26': { continent: { code: 'EU' }, registered_country: { iso_code: 'CN' } },
    '9.0.0.0/8': { country: { iso_code: 'Elbonia' } },
    '11.0.0.0/8': { country: { names: { en: 'somewhere' } } },
    '10.0.0.0/8': 'CN',
  },
  { builtAt: BUILT_AT },
);

let dir: string;
let file: string;
const open: Locator[] = [];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'geo-test-'));
  file = join(dir, 'country.mmdb');
});
afterEach(() => {
  for (const locator of open.splice(0)) locator.close();
  rmSync(dir, { recursive: true, force: true });
});

async function locator(options: Partial<LocatorOptions> = {}): Promise<Locator> {
  const made = await createLocator({
    database: file,
    development: false,
    private: [],
    reloadMs: 0,
    ...options,
  });
  open.push(made);
  return made;
}

describe('the test databases', () => {
  it('are read by maxmind: longest prefix, both families, prefix lengths', () => {
    const reader = new Reader<CountryResponse>(DATABASE);
    expect(reader.getWithPrefixLength('203.0.113.5')).toEqual([{ country: { iso_code: 'CN' } }, 25]);
    expect(reader.get('203.0.113.200')).toEqual({ country: { iso_code: 'HK' } });
    expect(reader.get('2001:db8:1::1')).toEqual({ country: { iso_code: 'FR' } });
    expect(reader.get('2001:db8:2::1')).toEqual({ country: { iso_code: 'DE' } });
    expect(reader.get('8.8.8.8')).toBeNull();
    expect(reader.metadata.buildEpoch.getTime()).toBe(BUILT_AT);
  });
});

describe('locate', () => {
  it.each<[string, Evidence]>([
    ['203.0.113.5', { kind: 'country', country: 'CN' }],
    ['203.0.113.200', { kind: 'country', country: 'HK' }],
    ['::ffff:203.0.113.5', { kind: 'country', country: 'CN' }],
    ['64:ff9b::203.0.113.5', { kind: 'country', country: 'CN' }],
    // Tunnels: 6to4, and Teredo of a server elsewhere.
    ['2002:cb00:7105::1', { kind: 'country', country: 'CN' }],
    ['2002:cb00:7105:1:2:3:4:5', { kind: 'country', country: 'CN' }],
    ['2001:0:c633:6401:8000:63bf:34ff:8efa', { kind: 'country', country: 'CN' }],
    ['2001::34ff:8efa', { kind: 'country', country: 'CN' }],
    ['2002:a01:101::1', { kind: 'refused', reason: 'private' }],
    ['2002::', { kind: 'refused', reason: 'unusable' }],
    ['2001:1::34ff:8efa', { kind: 'country', country: null }],
    ['198.51.100.9', { kind: 'country', country: 'US' }],
    ['2001:db8:1::9', { kind: 'country', country: 'FR' }],
    ['192.0.2.1', { kind: 'country', country: 'NL' }],
    ['192.0.2.130', { kind: 'country', country: 'CA' }],
    // Where a network is registered says nothing of where it is.
    ['192.0.2.200', { kind: 'country', country: null }],
    ['8.8.8.8', { kind: 'country', country: null }],
    ['9.1.1.1', { kind: 'refused', reason: 'database' }],
    ['11.1.1.1', { kind: 'refused', reason: 'database' }],
    // Not looked up: it is a private address whatever the database says.
    ['10.1.1.1', { kind: 'refused', reason: 'private' }],
    ['127.0.0.1', { kind: 'refused', reason: 'private' }],
    ['::1', { kind: 'refused', reason: 'private' }],
    ['0.0.0.0', { kind: 'refused', reason: 'unusable' }],
    ['unknown', { kind: 'refused', reason: 'unusable' }],
    ['', { kind: 'refused', reason: 'unusable' }],
  ])('in production, %s', async (address, expected) => {
    writeFileSync(file, DATABASE);
    expect((await locator()).locate(address)).toEqual(expected);
  });

  it('takes private and loopback addresses for no evidence in development', async () => {
    writeFileSync(file, DATABASE);
    const { locate } = await locator({ development: true });
    expect(locate('10.1.1.1')).toEqual({ kind: 'none' });
    expect(locate('::1')).toEqual({ kind: 'none' });
    expect(locate('203.0.113.5')).toEqual({ kind: 'country', country: 'CN' });
    expect(locate('0.0.0.0')).toEqual({ kind: 'refused', reason: 'unusable' });
    expect(locate('unknown')).toEqual({ kind: 'refused', reason: 'unusable' });
  });

  it('judges loopback addresses that it knows by the database where it is told to, in development alone', async () => {
    writeFileSync(file, mmdb({ '127.16.0.0/16': 'CN' }));
    const told = await locator({ development: true, loopback: true });
    expect(told.locate('127.16.3.4')).toEqual({ kind: 'country', country: 'CN' });
    expect(told.locate('::ffff:127.16.3.4')).toEqual({ kind: 'country', country: 'CN' });
    expect(told.locate('127.0.0.1')).toEqual({ kind: 'none' });
    expect(told.locate('::1')).toEqual({ kind: 'none' });
    const untold = await locator({ development: true });
    expect(untold.locate('127.16.3.4')).toEqual({ kind: 'none' });
    const production = await locator({ loopback: true });
    expect(production.locate('127.16.3.4')).toEqual({ kind: 'refused', reason: 'private' });
    rmSync(file);
    const broken = await locator({ development: true, loopback: true });
    expect(broken.locate('127.16.3.4')).toEqual({ kind: 'refused', reason: 'database' });
  });

  it('takes listed private networks for no evidence in production', async () => {
    writeFileSync(file, DATABASE);
    const { locate } = await locator({ private: ['10.1.0.0/16', '203.0.113.0/24'] });
    expect(locate('10.1.2.3')).toEqual({ kind: 'none' });
    expect(locate('10.2.2.3')).toEqual({ kind: 'refused', reason: 'private' });
    // Listing cannot make a public address private.
    expect(locate('203.0.113.5')).toEqual({ kind: 'country', country: 'CN' });
  });

  it('knows nothing of public addresses where no database is configured', async () => {
    const made = await locator({ database: null });
    expect(made.locate('203.0.113.5')).toEqual({ kind: 'none' });
    expect(made.locate('10.0.0.1')).toEqual({ kind: 'refused', reason: 'private' });
    expect(made.status()).toEqual({ configured: false, sha256: null, builtAt: null, problem: null });
  });
});

describe('the file', () => {
  it('is known by digest and age', async () => {
    writeFileSync(file, DATABASE);
    expect((await locator()).status()).toEqual({
      configured: true,
      sha256: createHash('sha256').update(DATABASE).digest('hex'),
      builtAt: BUILT_AT,
      problem: null,
    });
  });

  it.each<[string, (() => Buffer) | null, RegExp]>([
    ['missing', null, /ENOENT/],
    ['empty', () => Buffer.alloc(0), /./],
    ['no mmdb', () => Buffer.from('<html>not found</html>'.repeat(100)), /./],
    ['cut short', () => DATABASE.subarray(0, DATABASE.length / 2), /./],
  ])('%s: a problem, and every public address is refused', async (_case, bytes, problem) => {
    if (bytes) writeFileSync(file, bytes());
    const made = await locator({ development: true });
    expect(made.status()).toMatchObject({ configured: true, sha256: null });
    expect(made.status().problem).toMatch(problem);
    expect(made.locate('203.0.113.5')).toEqual({ kind: 'refused', reason: 'database' });
    expect(made.locate('8.8.8.8')).toEqual({ kind: 'refused', reason: 'database' });
  });

  it('is loaded again when it changes, and the last good one judges when the new one is bad', async () => {
    const told: DatabaseStatus[] = [];
    const made = await locator({ onChange: (status) => told.push(status) });
    expect(made.status().problem).toContain('ENOENT');

    replace(mmdb({ '203.0.113.0/24': 'US' }));
    expect((await made.reload()).problem).toBeNull();
    expect(made.locate('203.0.113.5')).toEqual({ kind: 'country', country: 'US' });

    replace(DATABASE);
    await made.reload();
    expect(made.locate('203.0.113.5')).toEqual({ kind: 'country', country: 'CN' });

    replace(Buffer.from('broken'));
    expect((await made.reload()).problem).not.toBeNull();
    expect(made.locate('203.0.113.5')).toEqual({ kind: 'country', country: 'CN' });

    replace(DATABASE);
    expect((await made.reload()).problem).toBeNull();
    expect(told.map(({ problem }) => problem === null)).toEqual([false, true, true, false, true]);
  });

  it('is looked at by itself', async () => {
    const status = await new Promise<DatabaseStatus>((resolve, reject) => {
      locator({ reloadMs: 10, onChange: (now) => now.problem === null && resolve(now) }).then(
        () => replace(DATABASE),
        reject,
      );
    });
    expect(status.builtAt).toBe(BUILT_AT);
  });

  function replace(bytes: Buffer): void {
    writeFileSync(`${file}.new`, bytes);
    renameSync(`${file}.new`, file);
  }
});
