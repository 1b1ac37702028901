import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { directoryAnswerSchema } from '../protocol/directory.ts';
import { redirectSchema, refusalSchema } from '../protocol/events.ts';
import { MemoryRegistry } from '../registry/memory.ts';
import { freePort } from '../testing/free-port.ts';
import { waitFor } from '../testing/wait.ts';
import { generateSigningKey } from '../tokens/keys.ts';
import { converse } from './harness/conversation.ts';
import { startNode, type TestNode } from './harness/node.ts';
import { localPolicy } from './harness/policies.ts';

/**
 * Zoom's clouds of 2020 with real nodes: `sjc` and `iad`, the primaries of `us`, are down; `sha` and `tsn` are the
 * two datacenters that stood on the list by mistake.
 */
const UP = ['fra', 'ams', 'hkg', 'sha', 'tsn'] as const;
/** What must not have been sent to whom the fence refuses: the parameters that let media in. */
const SECRETS = /iceParameters|usernameFragment|iceCandidates|fingerprint|dtlsParameters|candidate/i;

const JOIN_AT_ONCE = [
  {
    type: 'request',
    id: 1,
    method: 'join',
    data: { displayName: 'Ann', rtpCapabilities: { codecs: [], headerExtensions: [] } },
  },
  { type: 'request', id: 2, method: 'createTransport', data: { direction: 'send' } },
  { type: 'request', id: 3, method: 'createTransport', data: { direction: 'receive' } },
];

const nodes = new Map<string, TestNode>();
const registry = new MemoryRegistry();

function node(datacenter: string): TestNode {
  const found = nodes.get(datacenter);
  if (found === undefined) throw new Error(`no node at ${datacenter}`);
  return found;
}

beforeAll(async () => {
  const key = generateSigningKey();
  const ports = new Map<string, number>();
  for (const datacenter of [...UP, 'sjc', 'iad']) ports.set(datacenter, await freePort());
  const urls = Object.fromEntries([...ports].map(([name, port]) => [name, `ws://127.0.0.1:${port}`]));
  const policy = localPolicy('policies/zoom-2020.yaml', urls);
  for (const datacenter of UP) {
    const port = ports.get(datacenter) ?? 0;
    nodes.set(datacenter, await startNode({ datacenter, port, policy, registry, key }));
  }
});
afterAll(async () => {
  await Promise.all([...nodes.values()].map((n) => n.close()));
  await registry.close();
});

describe('a us participant at a node of sha, with sjc and iad down', () => {
  it.each(['program', 'browser'] as const)(
    'is sent to its own list before any ICE or DTLS parameter (%s)',
    async (as) => {
      for (let attempt = 0; attempt < 10; attempt++) {
        const token = await node('sha').token({ room: 'summit', region: 'us' });
        const said = await converse(node('sha').url, token, as, { requests: JOIN_AT_ONCE });
        await waitFor('the end', () => said.closeCode !== null);
        expect(said.all()).not.toMatch(SECRETS);
        const redirect = redirectSchema.parse(
          as === 'program' ? JSON.parse(said.body) : JSON.parse(said.frames[0] ?? '').data,
        );
        if (as === 'program') {
          expect(said.status).toBe(403);
          expect(said.frames).toEqual([]);
        } else {
          expect(said.status).toBe(101);
          expect(said.frames).toHaveLength(1);
          expect(said.closeCode).toBe(4403);
        }
        expect(redirect.code).toBe('region_not_admitted');
        expect(redirect.rule).toBe('admits');
        expect(redirect.list.primaries).toEqual([]);
        const offered = redirect.list.secondaries.map(({ datacenter }) => datacenter);
        expect(offered).toHaveLength(2);
        for (const datacenter of offered) expect(['fra', 'ams', 'hkg']).toContain(datacenter);
      }
    },
  );

  it('gets the same answer from every front door', async () => {
    const token = await node('sha').token({ room: 'summit', region: 'us' });
    const lists = await Promise.all(
      UP.map(async (datacenter) => {
        const answer = await fetch(`${node(datacenter).url}/v1/directory`, {
          method: 'POST',
          headers: { authorization: `Bearer ${token}` },
        });
        expect(answer.status).toBe(200);
        const { primaries, secondaries } = directoryAnswerSchema.parse(await answer.json());
        return JSON.stringify([primaries, secondaries]);
      }),
    );
    expect(new Set(lists).size).toBe(1);
  });

  it('never opened a room at sha', () => {
    expect(node('sha').log()).not.toContain('room opened');
    expect(node('sha').log()).toContain('region_not_admitted');
  });
});

describe('what the fence admits', () => {
  it('a cn participant is served at sha', async () => {
    const token = await node('sha').token({ room: 'local', region: 'cn' });
    const said = await converse(node('sha').url, token, 'program', { requests: JOIN_AT_ONCE });
    await waitFor('transports', () => said.frames.length >= 4);
    expect(said.all()).toMatch(SECRETS);
    said.close();
  });

  it('a us participant is served at the secondaries that it is sent to, and hk at hkg', async () => {
    for (const [datacenter, region] of [
      ['fra', 'us'],
      ['ams', 'us'],
      ['hkg', 'us'],
      ['hkg', 'hk'],
    ] as const) {
      const token = await node(datacenter).token({ room: `${datacenter}-${region}`, region });
      const said = await converse(node(datacenter).url, token, 'program');
      expect(said.status).toBe(101);
      said.close();
    }
  });

  it('an account that left out every region of the route is refused, and told so', async () => {
    const token = await node('fra').token({ room: 'narrow', region: 'us', regions: ['cn'] });
    const said = await converse(node('fra').url, token, 'program');
    expect(said.status).toBe(403);
    expect(refusalSchema.parse(JSON.parse(said.body)).code).toBe('narrowing_empty');
  });

  it('a claim that the policy does not define is refused everywhere', async () => {
    for (const datacenter of UP) {
      const token = await node(datacenter).token({ room: 'x', region: 'atlantis' });
      const said = await converse(node(datacenter).url, token, 'program');
      expect(said.status).toBe(403);
      expect(refusalSchema.parse(JSON.parse(said.body)).code).toBe('region_unknown');
    }
  });
});
