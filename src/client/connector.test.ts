import { afterEach, beforeAll, describe, expect, test } from 'vitest';
import type { DirectoryEntry } from '../protocol/directory.ts';
import { freePort } from '../testing/free-port.ts';
import { type Attempt, type Connection, type ConnectorOptions, walk } from './connector.ts';
import { Directory } from './directory.ts';
import { nodeEnvironment } from './node.ts';
import { ClientError } from './problem.ts';
import { type CloudKeys, cloudKeys, listOf } from './testing/cloud-keys.ts';
import { refusalOf, type Script, type ScriptedNode, startScriptedNode } from './testing/scripted-node.ts';

const environment = nodeEnvironment();
const started: ScriptedNode[] = [];
let cloud: CloudKeys;

beforeAll(async () => {
  cloud = await cloudKeys();
});
afterEach(async () => {
  await Promise.all(started.splice(0).map((node) => node.close()));
});

async function node(datacenter: string, script: Script = {}): Promise<ScriptedNode> {
  const scripted = await startScriptedNode({ datacenter, ...script });
  started.push(scripted);
  return scripted;
}

test.each(['fra', 'ams', 'iad'])(
  'the node at %s, to be left for last, is tried after all others',
  async (last) => {
    const nodes = await Promise.all(['fra', 'ams', 'iad'].map((name) => node(name, mute)));
    const [fra, ams, iad] = nodes.map(({ entry }) => entry);
    if (fra === undefined || ams === undefined || iad === undefined) throw new Error('three were started');
    const url = nodes.find(({ entry }) => entry.datacenter === last)?.url;
    const { attempts } = await run([fra, ams], [iad], { last: url, attemptTimeout: 100 });
    expect(attempts).toHaveLength(3);
    expect(attempts[2]).toContain(last);
  },
);

/** A node that takes the connection and says nothing. */
const mute: Script = { open: () => undefined };

function redirectTo(list: object): object {
  return { ...refusalOf('region_not_admitted', 403, false), list };
}

async function run(
  primaries: DirectoryEntry[],
  secondaries: DirectoryEntry[] = [],
  options: Partial<ConnectorOptions<Connection>> = {},
): Promise<{ entered: string | null; attempts: string[]; error: string | null }> {
  const token = await cloud.token();
  const directory = new Directory({ environment, frontDoors: [], keys: cloud.keys });
  const attempts: Attempt[] = [];
  let entered: string | null = null;
  let error: string | null = null;
  try {
    const connection = await walk(listOf(primaries, secondaries), token, {
      environment,
      attemptTimeout: 500,
      verify: (signature) => directory.verify(signature, token),
      enter: async (value) => ({ kind: 'entered', value }),
      onAttempt: (attempt) => attempts.push(attempt),
      ...options,
    });
    entered = connection.entry.datacenter;
    connection.signaling.close(1000);
  } catch (thrown) {
    if (!(thrown instanceof ClientError)) throw thrown;
    error = thrown.problem.code;
  }
  const words = attempts.map(({ n, datacenter, outcome, code }) =>
    [n, datacenter, outcome, code].filter((word) => word !== null).join(' '),
  );
  return { entered, attempts: words, error };
}

async function deadEntry(datacenter: string): Promise<DirectoryEntry> {
  return { datacenter, region: 'eu', url: `ws://127.0.0.1:${await freePort()}` };
}

describe('the walk down the list', () => {
  test('takes the first primary that admits', async () => {
    const fra = await node('fra');
    const ams = await node('ams');
    expect(await run([fra.entry, ams.entry])).toEqual({
      entered: 'fra',
      attempts: ['1 fra admitted'],
      error: null,
    });
    expect(ams.lines).toHaveLength(0);
  });

  test('tries every primary in turn, then the secondaries in turn', async () => {
    const silent = await node('ams', mute);
    const full = await node('hkg', {
      refuse: () => ({ status: 503, body: refusalOf('node_full', 503, true) }),
    });
    const last = await node('sjc');
    const result = await run([await deadEntry('fra'), silent.entry], [full.entry, last.entry]);
    expect(result).toEqual({
      entered: 'sjc',
      attempts: ['1 fra unreachable', '2 ams timeout', '3 hkg refused node_full', '4 sjc admitted'],
      error: null,
    });
  });

  test('ends with a retryable problem when nothing answers', async () => {
    const result = await run([await deadEntry('fra')], [await deadEntry('ams')]);
    expect(result).toEqual({
      entered: null,
      attempts: ['1 fra unreachable', '2 ams unreachable'],
      error: 'no_node_reached',
    });
  });

  test.each([
    ['token_expired', 401],
    ['region_refused', 403],
    ['removed', 403],
  ])('stops at %s: no other datacenter would say otherwise', async (code, status) => {
    const fra = await node('fra', { refuse: () => ({ status, body: refusalOf(code, status, false) }) });
    const ams = await node('ams');
    const result = await run([fra.entry, ams.entry]);
    expect(result).toEqual({ entered: null, attempts: [`1 fra refused ${code}`], error: code });
    expect(ams.lines).toHaveLength(0);
  });

  test('does not carry a room that is locked to another datacenter', async () => {
    const fra = await node('fra');
    const ams = await node('ams');
    const locked = { code: 'room_locked', message: '', retry: true };
    const result = await run([fra.entry, ams.entry], [], {
      enter: async ({ signaling }) => {
        signaling.close(1000);
        return { kind: 'refused', problem: locked };
      },
    });
    expect(result).toEqual({ entered: null, attempts: ['1 fra refused room_locked'], error: 'room_locked' });
  });

  test('reads a refusal and a redirect said after 101 too, as browsers get them', async () => {
    const ams = await node('ams');
    const signed = await cloud.sign({ primaries: [ams.entry] });
    const fra = await node('fra', {
      open: (line) => {
        line.notify('redirect', redirectTo(signed));
        line.close(4403);
      },
    });
    const hkg = await node('hkg', {
      open: (line) => {
        line.notify('refused', refusalOf('not_ready', 503, true));
        line.close(4403);
      },
    });
    expect(await run([hkg.entry, fra.entry])).toEqual({
      entered: 'ams',
      attempts: ['1 hkg refused not_ready', '2 fra redirected region_not_admitted', '3 ams admitted'],
      error: null,
    });
  });

  test.each([
    ['datacenter', 'fra'],
    ['region', 'us'],
  ])('a node whose %s is another than the list says is left at once', async (field, listed) => {
    const impostor = await node('sha');
    const ams = await node('ams');
    const result = await run([{ ...impostor.entry, [field]: listed }, ams.entry]);
    expect(result).toEqual({
      entered: 'ams',
      attempts: [`1 ${field === 'region' ? 'sha' : 'fra'} refused node_mismatch`, '2 ams admitted'],
      error: null,
    });
  });
});

describe('redirects', () => {
  test('are followed to the datacenters of a signed list, and replace what was left', async () => {
    const ams = await node('ams');
    const never = await node('iad');
    const signed = await cloud.sign({ primaries: [ams.entry] });
    const fra = await node('fra', { refuse: () => ({ status: 403, body: redirectTo(signed) }) });
    expect(await run([fra.entry, never.entry])).toEqual({
      entered: 'ams',
      attempts: ['1 fra redirected region_not_admitted', '2 ams admitted'],
      error: null,
    });
    expect(never.lines).toHaveLength(0);
  });

  test.each([
    [
      'a signature of another key',
      async (to: DirectoryEntry) => (await cloudKeys()).sign({ primaries: [to] }),
    ],
    ['another room', (to: DirectoryEntry) => cloud.sign({ primaries: [to], room: 'cellar' })],
    ['another cloud', (to: DirectoryEntry) => cloud.sign({ primaries: [to], cloud: 'government' })],
    ['an expired list', (to: DirectoryEntry) => cloud.sign({ primaries: [to], expiresAt: 1_600_000_000 })],
    ['another type of JWS', (to: DirectoryEntry) => cloud.sign({ primaries: [to] }, { typ: 'JWT' })],
    [
      'a plain list that the signature does not hold',
      async (to: DirectoryEntry) => ({ ...(await cloud.sign({ primaries: [] })), primaries: [to] }),
    ],
    [
      'a payload changed after it was signed',
      async (to: DirectoryEntry) => {
        const { signature } = await cloud.sign({ primaries: [] });
        const payload = Buffer.from(JSON.stringify(listOf([to], []))).toString('base64url');
        return { ...listOf([to], []), signature: signature.replace(/\.[^.]*\./, `.${payload}.`) };
      },
    ],
    [
      'no signature at all (alg none)',
      async (to: DirectoryEntry) => {
        const part = (value: object): string => Buffer.from(JSON.stringify(value)).toString('base64url');
        const list = listOf([to], []);
        return {
          ...list,
          signature: `${part({ alg: 'none', typ: 'watershed-directory+jwt' })}.${part(list)}.`,
        };
      },
    ],
  ])('with %s lead nowhere', async (_what, make) => {
    const trap = await node('sha');
    const list = await make(trap.entry);
    const fra = await node('fra', { refuse: () => ({ status: 403, body: redirectTo(list) }) });
    const ams = await node('ams');
    const result = await run([fra.entry, ams.entry]);
    expect(trap.lines).toHaveLength(0);
    // An empty list that is properly signed empties the queue; anything else leaves the verified list as it was.
    if (result.entered === null) expect(result.error).toBe('region_not_admitted');
    else expect(result.entered).toBe('ams');
  });

  test('cannot lead in a circle', async () => {
    const lists: { primaries: DirectoryEntry[] } = { primaries: [] };
    const script: Script = {
      open: (line) => {
        void cloud.sign(lists).then((signed) => {
          line.notify('redirect', redirectTo(signed));
          line.close(4403);
        });
      },
    };
    const fra = await node('fra', script);
    const ams = await node('ams', script);
    lists.primaries = [fra.entry, ams.entry];
    const result = await run([fra.entry, ams.entry]);
    expect(result.attempts).toHaveLength(2);
    expect(result.error).toBe('region_not_admitted');
  });

  test('are bounded even where each leads to a new URL', async () => {
    const circle = await node('fra', {
      open: (line) => {
        const entry = { datacenter: 'fra', region: 'eu', url: `${circle.url}/${circle.lines.length}` };
        void cloud.sign({ primaries: [entry] }).then((signed) => {
          line.notify('redirect', redirectTo(signed));
          line.close(4403);
        });
      },
    });
    const result = await run([circle.entry], [], { maxAttempts: 5 });
    expect(result.attempts).toHaveLength(5);
    expect(result.entered).toBeNull();
  });
});
