import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import {
  DEVELOPMENT_ISSUER,
  findDevelopmentKeys,
  type PublishedKey,
  publishDevelopmentKey,
  runtimeDirectory,
} from './development.ts';
import { generateSigningKey, KeyError } from './keys.ts';

let home: string;
let env: Record<string, string>;
const published: PublishedKey[] = [];

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'development-test-'));
  env = { XDG_RUNTIME_DIR: home };
});
afterEach(() => {
  for (const key of published.splice(0)) key.remove();
  rmSync(home, { recursive: true, force: true });
});

const issuer = { issuer: DEVELOPMENT_ISSUER, cloud: 'development', key: generateSigningKey() };

function publish(url = 'ws://localhost:4433', now?: number): PublishedKey {
  const key = publishDevelopmentKey(issuer, url, { env, ...(now !== undefined && { now }) });
  published.push(key);
  return key;
}

it('is found by another process of the same user, while its own runs', () => {
  publish('ws://localhost:4433', 1000);
  const [found, ...others] = findDevelopmentKeys(env);
  expect(others).toEqual([]);
  expect(found).toMatchObject({
    issuer: DEVELOPMENT_ISSUER,
    cloud: 'development',
    url: 'ws://localhost:4433',
    pid: process.pid,
    startedAt: 1000,
  });
  expect(found?.key.publicJwk).toEqual(issuer.key.publicJwk);
});

it('is readable by its owner alone', () => {
  const { file } = publish();
  expect(statSync(file).mode & 0o777).toBe(0o600);
  expect(statSync(runtimeDirectory(env)).mode & 0o777).toBe(0o700);
});

it('is gone once removed, twice over', () => {
  const key = publish();
  key.remove();
  key.remove();
  expect(existsSync(key.file)).toBe(false);
  expect(findDevelopmentKeys(env)).toEqual([]);
});

it('the node started last comes first', () => {
  publish('ws://localhost:4001', 1000);
  publish('ws://localhost:4002', 2000);
  expect(findDevelopmentKeys(env).map(({ url }) => url)).toEqual([
    'ws://localhost:4002',
    'ws://localhost:4001',
  ]);
});

it('ignores what a killed process left, and removes it at the next start', () => {
  const { file } = publish();
  const dead = spawnSync(process.execPath, ['-e', '']).pid;
  const stale = join(runtimeDirectory(env), `${dead}-4433.json`);
  writeFileSync(stale, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), pid: dead }));
  expect(findDevelopmentKeys(env).map(({ pid }) => pid)).toEqual([process.pid]);
  publish('ws://localhost:4434');
  expect(existsSync(stale)).toBe(false);
});

it('ignores a process that only has the number of the one that ended', () => {
  const { file } = publish();
  const record = JSON.parse(readFileSync(file, 'utf8'));
  writeFileSync(file, JSON.stringify({ ...record, born: '1' }));
  expect(findDevelopmentKeys(env)).toEqual([]);
});

it('ignores files that are no records', () => {
  publish();
  const dir = runtimeDirectory(env);
  writeFileSync(join(dir, 'half.json'), '{"pid":');
  writeFileSync(join(dir, 'other.json'), '{}');
  writeFileSync(join(dir, 'note.txt'), 'hello');
  expect(findDevelopmentKeys(env)).toHaveLength(1);
  expect(readdirSync(dir)).toHaveLength(4);
});

it('is not kept in a directory that somebody else pointed elsewhere', () => {
  const elsewhere = join(home, 'elsewhere');
  mkdirSync(elsewhere);
  symlinkSync(elsewhere, runtimeDirectory(env));
  expect(() => publish()).toThrow(KeyError);
  expect(readdirSync(elsewhere)).toEqual([]);
});

it('is kept under the home directory where there is no runtime directory', () => {
  env = { HOME: home };
  expect(publish().file).toContain(join(home, '.cache', 'watershed', 'run'));
  expect(findDevelopmentKeys(env)).toHaveLength(1);
});
