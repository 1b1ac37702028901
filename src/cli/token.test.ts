import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { type PublishedKey, publishDevelopmentKey } from '../tokens/development.ts';
import { exportPrivatePem, generateSigningKey } from '../tokens/keys.ts';
import { createTokenVerifier } from '../tokens/verify.ts';
import { run } from './testing/run.ts';

const key = generateSigningKey();
const developmentKey = generateSigningKey();
const ROOM = ['token', '--room', 'weekly', '--region', 'us'];

let dir: string;
let keyFile: string;
let env: Record<string, string>;
const published: PublishedKey[] = [];

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'token-cli-'));
  keyFile = join(dir, 'key.pem');
  writeFileSync(keyFile, exportPrivatePem(key), { mode: 0o600 });
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));
beforeEach(() => {
  env = { XDG_RUNTIME_DIR: mkdtempSync(join(dir, 'run-')) };
});
afterEach(() => {
  for (const one of published.splice(0)) one.remove();
});

/** This test's process stands in for the running node: its key is published, and it is alive. */
function publish(port = 4433, cloud = 'development', key = developmentKey): void {
  const issuer = { issuer: 'watershed-development', cloud, key };
  published.push(publishDevelopmentKey(issuer, `ws://localhost:${port}`, { env }));
}

function claimsOf(token: string, cloud: string, signer = developmentKey, issuer = 'watershed-development') {
  return createTokenVerifier({ cloud, issuers: [{ issuer, keys: [signer] }], maxAgeSeconds: 86_400 }).verify(
    token,
  );
}

describe('with the development key of the node that runs', () => {
  it('prints one token and nothing else', async () => {
    publish();
    const { code, stdout, stderr } = await run(ROOM, env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    expect(stdout).toMatch(/^[\w-]+\.[\w-]+\.[\w-]+\n$/);
    const claims = await claimsOf(stdout.trim(), 'development');
    expect(claims).toEqual({
      iss: 'watershed-development',
      jti: expect.any(String),
      iat: expect.any(Number),
      exp: claims.iat + 3600,
      cloud: 'development',
      room: 'weekly',
      role: 'participant',
      region: 'us',
    });
  });

  it('takes every claim that it is told', async () => {
    publish();
    const options = ['--name', 'Ada L.', '--host', '--regions', 'us, eu', '--except', 'eu', '--ttl', '60'];
    const { stdout } = await run([...ROOM, ...options], env);
    const claims = await claimsOf(stdout.trim(), 'development');
    expect(claims).toMatchObject({ name: 'Ada L.', role: 'host', regions: ['us', 'eu'], except: ['eu'] });
    expect(claims.exp - claims.iat).toBe(60);
  });

  it('asks nothing where several nodes of one cluster run: they have one key', async () => {
    publish(4001);
    publish(4002);
    expect(await run(ROOM, env)).toMatchObject({ code: 0, stderr: '' });
  });

  it('says which node it is for where several run', async () => {
    publish(4001);
    publish(4002, 'development', generateSigningKey());
    const { code, stdout, stderr } = await run(ROOM, env);
    expect(code).toBe(0);
    expect(stdout.trim().split('\n')).toHaveLength(1);
    expect(stderr).toMatch(
      /^several nodes with development keys run: the token is for ws:\/\/localhost:400[12]\n$/,
    );
  });

  it('takes the one of the cloud that is asked for', async () => {
    publish(4001, 'development');
    publish(4002, 'government');
    const { stdout } = await run([...ROOM, '--cloud', 'government'], env);
    expect(await claimsOf(stdout.trim(), 'government')).toMatchObject({ cloud: 'government' });
    expect(await run([...ROOM, '--cloud', 'commercial'], env)).toMatchObject({
      code: 1,
      stdout: '',
      stderr: expect.stringContaining('of cloud commercial'),
    });
  });

  it('says what to do where none runs', async () => {
    const { code, stdout, stderr } = await run(ROOM, env);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toBe(
      'no standalone node or local cluster runs with development keys: start one with `npm start`, or name a private key with --key FILE\n',
    );
  });
});

describe('with --key', () => {
  it('signs with that key, for the issuer and the cloud that are named', async () => {
    const options = ['--key', keyFile, '--issuer', 'https://accounts.example.net', '--cloud', 'government'];
    const { code, stdout, stderr } = await run([...ROOM, ...options], env);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const claims = await claimsOf(stdout.trim(), 'government', key, 'https://accounts.example.net');
    expect(claims.cloud).toBe('government');
  });

  it('is for the running node otherwise: its cloud and its issuer', async () => {
    publish();
    const { stdout } = await run([...ROOM, '--key', keyFile], env);
    expect((await claimsOf(stdout.trim(), 'development', key)).cloud).toBe('development');
  });

  it('says which file is no key', async () => {
    const { code, stdout, stderr } = await run([...ROOM, '--key', join(dir, 'none.pem')], env);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toContain('none.pem: cannot be read (ENOENT)');
  });
});

describe('wrong calls print no token', () => {
  it.each<[string, string[], string]>([
    ['no room', ['token', '--region', 'us'], "required option '--room <room>' not specified"],
    ['no region', ['token', '--room', 'weekly'], "required option '--region <region>' not specified"],
    ['a room that is a path', ['token', '--room', '../x', '--region', 'us'], '--room: letters, digits'],
    ['an empty name', [...ROOM, '--name', '  '], '--name: '],
    ['an empty region in a list', [...ROOM, '--regions', 'us,,eu'], 'write region names with commas between'],
    ['a ttl that is no number', [...ROOM, '--ttl', '1h'], 'a whole number of seconds'],
    ['a ttl of nothing', [...ROOM, '--ttl', '0'], 'a whole number of seconds'],
    ['an option that there is not', [...ROOM, '--hosts'], "unknown option '--hosts'"],
  ])('%s', async (_case, args, message) => {
    publish();
    const { code, stdout, stderr } = await run(args, env);
    expect(code).toBe(1);
    expect(stdout).toBe('');
    expect(stderr).toContain(message);
  });
});
