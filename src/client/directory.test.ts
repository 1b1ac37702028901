import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { freePort } from '../testing/free-port.ts';
import { Directory, ownClaims } from './directory.ts';
import { DirectoryMemory } from './directory-memory.ts';
import { nodeEnvironment } from './node.ts';
import { type Outcome, outcomeOf } from './problem.ts';
import { CLOUD, type CloudKeys, cloudKeys, ROOM } from './testing/cloud-keys.ts';
import { refusalOf, type Script, type ScriptedNode, startScriptedNode } from './testing/scripted-node.ts';

const environment = nodeEnvironment();
const started: ScriptedNode[] = [];
let cloud: CloudKeys;

beforeEach(async () => {
  cloud = await cloudKeys();
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((door) => door.close()));
});

const ENTRY = { datacenter: 'fra', region: 'eu', url: 'wss://fra.example.net' };

async function door(script: Script['http']): Promise<ScriptedNode> {
  const node = await startScriptedNode({ ...(script === undefined ? {} : { http: script }) });
  started.push(node);
  return node;
}

/** A front door that answers as it should, with parts replaced. */
function answering(
  parts: { keys?: CloudKeys; list?: () => Promise<object>; status?: number } = {},
): Script['http'] {
  const keys = parts.keys ?? cloud;
  return async (path) => {
    if (path === '/v1/keys') return { status: 200, body: { cloud: CLOUD, keys: keys.keys } };
    const body = await (parts.list ?? (() => keys.sign({ primaries: [ENTRY] })))();
    return { status: parts.status ?? 200, body };
  };
}

async function ask(
  frontDoors: string[],
  options: { timeout?: number; keys?: CloudKeys } = {},
): Promise<Outcome<string[]>> {
  const { timeout = 2000, keys } = options;
  const directory = new Directory({
    environment,
    frontDoors,
    timeout,
    ...(keys === undefined ? {} : { keys: keys.keys }),
  });
  return outcomeOf(async () => {
    const list = await directory.list(await cloud.token());
    return list.primaries.map(({ datacenter }) => datacenter);
  }, 'directory_unreachable');
}

const good = { ok: true, value: ['fra'] };
const failing = (code: string): object => ({ ok: false, problem: { code } });

describe('the directory', () => {
  test('is asked again a little later when this address has asked too often', async () => {
    let asked = 0;
    const busy = { status: 429, body: refusalOf('directory_rate_limited', 429, true) };
    const front = await door(async (path, request) => {
      if (path === '/v1/directory') asked += 1;
      return path === '/v1/directory' && asked === 1 ? busy : (answering()?.(path, request) ?? null);
    });
    expect(await ask([front.url])).toEqual(good);
    expect(asked).toBe(2);
  });

  test('is asked at the first front door, with the token, and its keys are fetched there', async () => {
    const first = await door(answering());
    const second = await door(answering());
    expect(await ask([first.url, second.url])).toEqual(good);
    expect(first.asked).toEqual(['/v1/directory', '/v1/keys']);
    expect(second.asked).toEqual([]);
  });

  test('is asked at the next front door when one is down, hangs or is not ready', async () => {
    const hanging = await door(() => new Promise(() => undefined));
    const unready = await door(
      answering({ status: 503, list: async () => refusalOf('not_ready', 503, true) }),
    );
    const last = await door(answering());
    const doors = [`http://127.0.0.1:${await freePort()}`, hanging.url, unready.url, last.url];
    expect(await ask(doors, { timeout: 1500 })).toEqual(good);
  });

  test('a clear refusal is the last word', async () => {
    const first = await door(
      answering({ status: 403, list: async () => refusalOf('region_refused', 403, false) }),
    );
    const second = await door(answering());
    expect(await ask([first.url, second.url])).toMatchObject(failing('region_refused'));
    expect(second.asked).toEqual([]);
  });

  test.each([
    ['a signature of another key', async () => (await cloudKeys()).sign({ primaries: [ENTRY] })],
    ['another room', () => cloud.sign({ primaries: [ENTRY], room: 'cellar' })],
    ['another cloud', () => cloud.sign({ primaries: [ENTRY], cloud: 'government' })],
    ['an expired list', () => cloud.sign({ primaries: [ENTRY], expiresAt: 1_600_000_000 })],
    ['another type of JWS', () => cloud.sign({ primaries: [ENTRY] }, { typ: 'JWT' })],
    ['a plaintext URL', () => cloud.sign({ primaries: [{ ...ENTRY, url: 'ws://fra.example.net' }] })],
    [
      'a plaintext URL of a second node',
      () => cloud.sign({ primaries: [{ ...ENTRY, sibling: 'ws://two.fra.example.net' }] }),
    ],
    ['something else than a list', async () => ({ hello: 'world' })],
  ])('does not believe %s', async (_what, list) => {
    const liar = await door(answering({ list }));
    expect(await ask([liar.url])).toMatchObject(failing('directory_untrusted'));
  });

  test('uses what was signed, not what is written beside it', async () => {
    const trap = { ...ENTRY, datacenter: 'sha' };
    const mixed = await door(
      answering({ list: async () => ({ ...(await cloud.sign({ primaries: [ENTRY] })), primaries: [trap] }) }),
    );
    expect(await ask([mixed.url])).toEqual(good);
  });

  test('believes configured keys only, where there are any', async () => {
    const other = await cloudKeys();
    const impostor = await door(answering({ keys: other }));
    expect(await ask([impostor.url])).toEqual(good);
    expect(await ask([impostor.url], { keys: cloud })).toMatchObject(failing('directory_untrusted'));
  });

  test('fetches the keys again when the cloud has changed them', async () => {
    const next = await cloudKeys('key-2');
    let current = cloud;
    const changing = await door(async (path) =>
      path === '/v1/keys'
        ? { status: 200, body: { cloud: CLOUD, keys: current.keys } }
        : { status: 200, body: await current.sign({ primaries: [ENTRY] }) },
    );
    const directory = new Directory({ environment, frontDoors: [changing.url] });
    const token = await cloud.token();
    await directory.list(token);
    current = next;
    expect((await directory.list(token)).primaries).toEqual([ENTRY]);
  });

  describe('once every front door has ended', () => {
    let front: ScriptedNode;
    let listed: ScriptedNode;
    let memory: DirectoryMemory;
    const next = () => new Directory({ environment, frontDoors: [front.url], timeout: 1500, memory });

    beforeEach(async () => {
      memory = new DirectoryMemory();
      listed = await door(answering({ keys: { ...cloud, keys: (await cloudKeys()).keys } }));
      const near = { ...ENTRY, url: listed.url };
      front = await door(answering({ list: () => cloud.sign({ primaries: [near] }) }));
      await next().list(await cloud.token({ region: 'eu' }));
      await front.close();
    });

    test('is asked at the nodes of the last list, and still believes only the keys of its front doors', async () => {
      const list = await next().list(await cloud.token({ region: 'eu', exp: 4_000_000_000 }));
      expect(list.primaries).toEqual([ENTRY]);
      expect(listed.asked).toEqual(['/v1/directory']);
    });

    test('is asked at the second nodes of the last list, after all first ones', async () => {
      const token = await cloud.token({ region: 'eu' });
      const second = await door(answering());
      const dead = async () => ({ ...ENTRY, url: `ws://127.0.0.1:${await freePort()}` });
      const primaries = [{ ...(await dead()), sibling: second.url }, await dead()];
      await next().verify((await cloud.sign({ primaries })).signature, token);
      expect((await next().list(token)).primaries).toEqual([ENTRY]);
      expect(second.asked).toEqual(['/v1/directory']);
    });

    test.each([
      ['another region', { region: 'us' }],
      ['no region', {}],
      ['fewer regions', { region: 'eu', regions: ['eu'] }],
      ['another room', { region: 'eu', room: 'cellar' }],
      ['another cloud', { region: 'eu', cloud: 'government' }],
    ])('is asked nowhere for %s', async (_what, claims) => {
      const token = await cloud.token(claims);
      const asked = outcomeOf(() => next().list(token), 'no_node_reached');
      expect(await asked).toMatchObject(failing('directory_unreachable'));
      expect(await next().answers(token, AbortSignal.timeout(1500))).toBe(false);
      expect(listed.asked).toEqual([]);
    });

    test('the network is seen to work by the nodes of the last list', async () => {
      const token = await cloud.token({ region: 'eu' });
      expect(await next().answers(token, AbortSignal.timeout(1500))).toBe(true);
    });

    test('what a later list no longer names is not asked', async () => {
      const token = await cloud.token({ region: 'eu' });
      const { signature } = await cloud.sign({ primaries: [ENTRY] });
      await next().verify(signature, token);
      await outcomeOf(() => next().list(token), 'no_node_reached');
      expect(listed.asked).toEqual([]);
    });
  });

  test('is not asked over plaintext beyond loopback', async () => {
    expect(await ask(['http://192.0.2.1', 'ws://192.0.2.1'])).toMatchObject(failing('directory_unreachable'));
    expect(await ask(['ftp://127.0.0.1'])).toMatchObject(failing('directory_unreachable'));
  });

  test('a token that is none is said to be none', async () => {
    expect(() => ownClaims('nonsense')).toThrow(/not a JWT/);
    expect(ownClaims(await cloud.token())).toMatchObject({ cloud: CLOUD, room: ROOM });
  });
});
