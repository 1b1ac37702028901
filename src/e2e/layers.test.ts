import { readdirSync, readFileSync } from 'node:fs';
import { afterEach, describe, expect, it } from 'vitest';
import { createParticipant, type Participant } from '../../loadtest/participant/participant.ts';
import { parseNodeConfig, thisMachine } from '../config/load.ts';
import { runNode } from '../main.ts';
import { RouterWatch } from '../media/testing/router-watch.ts';
import { LAYERS, type Layer, type LayersOff, rulers } from '../node/layers.ts';
import { fixedPolicy } from '../node/policies.ts';
import { type CompiledPolicy, compilePolicy } from '../policy/compile.ts';
import { directoryAnswerSchema } from '../protocol/directory.ts';
import { waitFor } from '../testing/wait.ts';
import { startCloud, type TestCloud } from './harness/cloud.ts';
import { converse } from './harness/conversation.ts';
import { ownId, seatOf } from './harness/hearing.ts';
import { localPolicy } from './harness/policies.ts';

/**
 * Layers 1 to 4, each taken off at every node at once, alone and together: what it refused is refused no longer, and
 * as long as one is left no packet of a `us` participant comes into a router of `sha`. Real nodes, media and pipes.
 */
const ANN = '127.0.1.1';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** The same cloud without fences, and with the mistake of February 2020 in its routes. */
function opened({ policy }: CompiledPolicy): CompiledPolicy {
  const regions = new Map(
    [...policy.regions].map(([name, region]) => [name, { ...region, admits: 'any' as const }]),
  );
  const routes = new Map(
    [...policy.routes].map(([name, route]) => [
      name,
      name === 'us' ? { ...route, secondaries: ['hkg', 'sha'] } : route,
    ]),
  );
  return compilePolicy({ ...policy, regions, routes });
}

interface Outcome {
  /** A list that was signed for ann names sha. */
  readonly told: boolean;
  /** The door of sha let her in. */
  readonly admitted: boolean;
  /** She got the parameters of a transport there. */
  readonly transport: boolean;
  /** From her seat on hkg: somebody on sha was told of her, and her media came there. */
  readonly known: boolean;
  readonly piped: boolean;
}
const HELD: Outcome = { told: false, admitted: false, transport: false, known: false, piped: false };

async function without(...off: Layer[]): Promise<Outcome> {
  const watch = new RouterWatch();
  ends.push(() => watch.close());
  const cloud = await startCloud({
    datacenters: ['hkg', 'sha'],
    onStart: (datacenter) => watch.stands(datacenter),
    layersOff: (policy) => Object.fromEntries(off.map((layer) => [layer, opened(policy)])),
  });
  ends.push(() => cloud.close());
  const told = await isTold(cloud);
  const { admitted, transport } = await knock(cloud);
  const { known, piped } = await meet(cloud, watch);
  return { told, admitted, transport, known, piped };
}

async function isTold(cloud: TestCloud): Promise<boolean> {
  const answer = await fetch(`${cloud.at('hkg').url}/v1/directory`, {
    method: 'POST',
    headers: { authorization: `Bearer ${await cloud.token('asked', 'us')}` },
  });
  const { primaries, secondaries } = directoryAnswerSchema.parse(await answer.json());
  return [...primaries, ...secondaries].some(({ datacenter }) => datacenter === 'sha');
}

/** Goes straight to sha, whatever any list says. */
async function knock(cloud: TestCloud): Promise<{ admitted: boolean; transport: boolean }> {
  const request = (id: number, method: string, data: object) => ({ type: 'request', id, method, data });
  const said = await converse(cloud.at('sha').url, await cloud.token('knocked', 'us'), 'program', {
    requests: [
      request(1, 'join', { displayName: 'Ann', rtpCapabilities: { codecs: [], headerExtensions: [] } }),
      request(2, 'createTransport', { direction: 'send' }),
    ],
  });
  ends.push(() => said.close());
  await waitFor(
    'the end of it',
    () => said.closeCode !== null || /"type":"response","id":2/.test(said.all()),
  );
  const outcome = { admitted: said.status === 101, transport: /iceParameters/.test(said.all()) };
  said.close();
  return outcome;
}

/** Ann on hkg and Chen on sha, in one room as far as their nodes let it be one. */
async function meet(cloud: TestCloud, watch: RouterWatch): Promise<{ known: boolean; piped: boolean }> {
  const join = async (region: string, address: string): Promise<Participant> => {
    const participant = createParticipant({
      token: await cloud.token('met', region),
      url: cloud.at(region === 'us' ? 'hkg' : 'sha').url.replace('http', 'ws'),
      publish: ['microphone'],
      bindAddress: address,
      displayName: `${region} person`,
    });
    ends.push(() => participant.leave());
    expect(await participant.join()).toEqual({ ok: true, value: 'joined' });
    return participant;
  };
  const chen = await join('cn', '127.0.2.1');
  const ann = await join('us', ANN);
  expect(seatOf(ann)).toBeDefined();
  const sent = () => watch.producersOf(ANN);
  await waitFor('her media', () => sent().some(({ packets }) => packets > 20));
  const hers = new Set(sent().map(({ id }) => id));
  const atSha = () => watch.producers('sha').filter(({ id }) => hers.has(id));
  const refused = (): boolean =>
    ['hkg', 'sha'].some((site) => /"step":"(pipe|consume)","kind":"refuse"/.test(decisionsOf(cloud, site)));
  // Either he is led away, or somebody says no to a pipe, or it is there.
  const apart = () =>
    chen.client.status !== 'joined' || cloud.at('sha').log().includes('"code":"room_moved"');
  await waitFor(
    'what becomes of it',
    () => apart() || refused() || atSha().some(({ packets }) => packets > 20),
  );
  await watch.sample();
  const known = seatOf(chen) === 'sha' && chen.client.room?.peers.has(ownId(ann)) === true;
  return { known, piped: atSha().length > 0 };
}

/** Fields of decisions in a fixed order. */
function decisionsOf(cloud: TestCloud, site: string): string {
  return [
    ...cloud
      .at(site)
      .log()
      .matchAll(/"step":"(\w+)".*?"kind":"(\w+)"/g),
  ]
    .map(([, step, kind]) => `"step":"${step}","kind":"${kind}"`)
    .join('\n');
}

describe('with every layer there', () => {
  it('nobody is told, admitted, known or heard', async () => {
    expect(await without()).toEqual(HELD);
  }, 60_000);
});

describe('with one layer off, what it refused is refused no longer, and the others hold', () => {
  it.each<[Layer, Partial<Outcome>]>([
    ['directory', { told: true }],
    ['admission', { admitted: true }],
    // The door and the links are before it: what it refuses itself shows below.
    ['media', {}],
    ['links', { known: true }],
  ])(
    '%s',
    async (layer, gone) => {
      expect(await without(layer)).toEqual({ ...HELD, ...gone });
    },
    60_000,
  );
});

describe('one layer alone', () => {
  it('of media refuses a transport to whom the door let in, and a pipe that the links would open', async () => {
    const outcome = await without('directory', 'admission', 'links');
    expect(outcome).toMatchObject({ told: true, admitted: true, transport: false, piped: false });
  }, 60_000);

  it('of links holds the pipe, with all others off', async () => {
    const outcome = await without('directory', 'admission', 'media');
    expect(outcome).toMatchObject({
      told: true,
      admitted: true,
      transport: false,
      known: false,
      piped: false,
    });
  }, 60_000);

  it('of admission holds the door, with all others off; behind it her media would be everywhere', async () => {
    const outcome = await without('directory', 'media', 'links');
    expect(outcome).toMatchObject({ told: true, admitted: false, transport: false, piped: true });
  }, 60_000);

  it('is what held: with none left, she is served at sha', async () => {
    expect(await without(...LAYERS)).toEqual({
      told: true,
      admitted: true,
      transport: true,
      known: true,
      piped: true,
    });
  }, 60_000);
});

describe('the switch', () => {
  const policy = fixedPolicy(localPolicy('policies/zoom-2020.yaml', {}));
  const off: LayersOff = { media: localPolicy('policies/zoom-2020.yaml', {}) };

  it('is refused in production, whatever it would take off', async () => {
    expect(() => rulers(policy, off, 'production')).toThrow(/never taken off in production/);
    expect(() => rulers(policy, {}, 'production')).not.toThrow();
    const text =
      'mode: development\ntokens: { development: true }\nnode: { datacenter: sjc }\npolicy: { file: policies/zoom-2020.yaml }\nhttp: { port: 0 }';
    const file = new URL('../../config/layers.yaml', import.meta.url).pathname;
    const config = {
      ...parseNodeConfig(text, { file, env: {}, machine: thisMachine() }),
      mode: 'production' as const,
    };
    await expect(runNode(config, { layersOff: off })).rejects.toThrow(/never taken off in production/);
  });

  it('is reached by no configuration, argument or variable: only a replay knows it, and the directory’s alone', () => {
    const sources = readdirSync(new URL('..', import.meta.url), { recursive: true, encoding: 'utf8' }).filter(
      (name) => name.endsWith('.ts') && !name.endsWith('.test.ts') && !/(^|\/)(e2e|testing)\//.test(name),
    );
    const text = (name: string) => readFileSync(new URL(`../${name}`, import.meta.url), 'utf8');
    const knowing = sources.filter((name) => /layersOff/i.test(text(name))).sort();
    expect(knowing).toEqual([
      'cli/cluster/local-node.ts',
      'cli/cluster/node-child.ts',
      'main.ts',
      'node/layers.ts',
    ]);
    expect(text('cli/cluster/node-child.ts').match(/layersOff: \{ (\w+):/g)).toEqual([
      'layersOff: { directory:',
    ]);
  });
});
