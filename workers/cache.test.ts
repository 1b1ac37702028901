import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  BINARY,
  fileSha256,
  privateDir,
  publishEntry,
  readEntry,
  readPointer,
  type Verified,
  workerCacheDir,
  writePointer,
} from './cache.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'watershed-cache-'));
});
afterEach(() => rmSync(dir, { recursive: true, force: true }));

function made(content: string): { folder: string; verified: Verified } {
  const folder = privateDir(dir);
  writeFileSync(join(folder, BINARY), content, { mode: 0o755 });
  const verified = {
    sha256: fileSha256(join(folder, BINARY)),
    origin: 'native',
    version: '1.0',
    built: [],
  } as const;
  return { folder, verified: { ...verified, built: [] } };
}

function publish(content: string): ReturnType<typeof publishEntry> {
  const { folder, verified } = made(content);
  return publishEntry(dir, 'key', folder, verified);
}

describe('where the cache is', () => {
  it.each([
    [{ WATERSHED_CACHE_DIR: '/w', XDG_CACHE_HOME: '/x' }, '/w/watershed/worker'],
    [{ XDG_CACHE_HOME: '/x' }, '/x/watershed/worker'],
    [{ XDG_CACHE_HOME: '' }, /\/\.cache\/watershed\/worker$/],
  ])('%j', (env, expected) => {
    expect(workerCacheDir(env)).toEqual(
      typeof expected === 'string' ? expected : expect.stringMatching(expected),
    );
  });
});

describe('an entry', () => {
  it('is there once published', () => {
    const entry = publish('worker');
    expect(readEntry(dir, 'key')).toEqual(entry);
    expect(entry).toMatchObject({ path: join(dir, 'key', BINARY), origin: 'native', version: '1.0' });
    expect(readdirSync(dir)).toEqual(['key']);
  });

  it('is not used without the marker of a passed self-test', () => {
    mkdirSync(join(dir, 'key'));
    writeFileSync(join(dir, 'key', BINARY), 'half-built');
    expect(readEntry(dir, 'key')).toBeUndefined();
  });

  it.each([
    ['truncated', ''],
    ['changed', 'worker!'],
  ])('is not used when its executable was %s', (_name, content) => {
    publish('worker');
    writeFileSync(join(dir, 'key', BINARY), content);
    expect(readEntry(dir, 'key')).toBeUndefined();
  });

  it.each([['{'], ['{}'], ['null']])('is not used with the marker %j', (text) => {
    publish('worker');
    writeFileSync(join(dir, 'key', 'verified.json'), text);
    expect(readEntry(dir, 'key')).toBeUndefined();
  });

  it('stays when a second one comes late', () => {
    const first = publish('first');
    expect(publish('second')).toEqual(first);
    expect(readEntry(dir, 'key')?.sha256).toBe(first.sha256);
    expect(readdirSync(dir)).toEqual(['key']);
  });

  it('replaces one that is not whole', () => {
    publish('first');
    rmSync(join(dir, 'key', 'verified.json'));
    const second = publish('second');
    expect(readEntry(dir, 'key')).toEqual(second);
    expect(readdirSync(dir)).toEqual(['key']);
  });
});

it('a pointer names the last key made from the same sources', () => {
  expect(readPointer(dir, 'sources')).toBeUndefined();
  writePointer(dir, 'sources', 'one');
  writePointer(dir, 'sources', 'two');
  expect(readPointer(dir, 'sources')).toBe('two');
});
