import { afterEach, describe, expect, it } from 'vitest';
import {
  createParticipant,
  type Participant,
  type ParticipantOptions,
} from '../../loadtest/participant/participant.ts';
import { type CompiledPolicy, compilePolicy } from '../policy/compile.ts';
import { waitFor } from '../testing/wait.ts';
import { startCloud, type TestCloud } from './harness/cloud.ts';
import { GapWatch, heard, hears, ownId, seatOf } from './harness/hearing.ts';

/** Rooms over several whole nodes: real links, pipes with SRTP, workers and participants that decrypt. */
const ends: (() => Promise<unknown>)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

async function cloudOf(...datacenters: string[]): Promise<TestCloud> {
  const cloud = await startCloud({ datacenters });
  ends.push(() => cloud.close());
  return cloud;
}

async function join(
  cloud: TestCloud,
  region: string,
  options: Partial<ParticipantOptions> & { at: string; room?: string; claims?: Record<string, unknown> },
): Promise<Participant> {
  const { at, room = 'summit', claims = {}, ...rest } = options;
  const participant = createParticipant({
    token: await cloud.token(room, region, claims),
    frontDoors: [cloud.at(at).url],
    publish: ['microphone', 'camera'],
    displayName: `${region} person`,
    ...rest,
  });
  ends.push(() => participant.leave());
  expect(await participant.join()).toEqual({ ok: true, value: 'joined' });
  return participant;
}

describe('a room over nodes of several datacenters', () => {
  it('is one call: everyone hears and sees everyone, chat and mutes included', async () => {
    const cloud = await cloudOf('sjc', 'fra', 'hkg');
    const ann = await join(cloud, 'us', { at: 'sjc', claims: { role: 'host' } });
    const eve = await join(cloud, 'eu', { at: 'fra' });
    const lin = await join(cloud, 'hk', { at: 'hkg' });
    expect([ann, eve, lin].map(seatOf)).toEqual(['sjc', 'fra', 'hkg']);
    for (const listener of [ann, eve, lin]) {
      for (const speaker of [ann, eve, lin]) if (speaker !== listener) await hears(listener, speaker);
    }
    const peers = [...(lin.client.room?.peers.values() ?? [])];
    expect(peers.map(({ datacenter, region }) => `${datacenter} ${region}`).sort()).toEqual([
      'fra eu',
      'sjc us',
    ]);

    const chats: string[] = [];
    lin.client.on('chat', ({ displayName, text }) => chats.push(`${displayName}: ${text}`));
    await ann.client.sendChat('hello over there');
    await waitFor('the chat', () => chats.length === 1);
    expect(chats).toEqual(['us person: hello over there']);

    const muted: string[] = [];
    eve.client.on('muted', ({ source }) => muted.push(source));
    expect(await ann.client.mutePeer(ownId(eve))).toMatchObject({ ok: true });
    await waitFor('the mute', () => muted.length === 1);
    expect(await eve.client.mutePeer(ownId(ann))).toMatchObject({
      ok: false,
      problem: { code: 'host_only' },
    });
    expect(await ann.client.removePeer(ownId(eve))).toMatchObject({ ok: true });
    await waitFor('the removal', () => eve.client.status === 'closed');
    await waitFor('the others to know', () => (lin.client.room?.peers.size ?? 0) === 1);
    expect(await ann.client.endRoom()).toMatchObject({ ok: true });
    await waitFor('the end everywhere', () => lin.client.status === 'closed');
  }, 60_000);

  it('a node that ends leaves a meeting that goes on, and its people meet there again', async () => {
    const cloud = await cloudOf('sjc', 'iad', 'fra');
    const ann = await join(cloud, 'us', {
      at: 'sjc',
      rejoinSeconds: 20,
      frontDoors: [cloud.at('sjc').url, cloud.at('fra').url],
    });
    const eve = await join(cloud, 'eu', { at: 'fra' });
    await hears(eve, ann);
    await cloud.stop('sjc');
    await waitFor('ann to be back', () => ann.client.status === 'joined' && seatOf(ann) === 'iad', 20_000);
    await hears(eve, ann);
    await hears(ann, eve);
    expect([...(eve.client.room?.peers.keys() ?? [])]).toEqual([ownId(ann)]);
  }, 60_000);
});

describe('a us participant comes to a room that lives on sha', () => {
  it.each([
    [['sjc', 'hkg', 'sha'], 'hkg'],
    [['sjc', 'sha'], 'sjc'],
  ])(
    'with %s up, its people move to %s or further along their list, and never hear us at sha',
    async (up, place) => {
      const cloud = await cloudOf(...up);
      const chen = await join(cloud, 'cn', { at: 'sha' });
      const wei = await join(cloud, 'cn', { at: 'sha' });
      await hears(wei, chen);
      await hears(chen, wei);
      expect([chen, wei].map(seatOf)).toEqual(['sha', 'sha']);
      const moves: string[] = [];
      const gaps = [new GapWatch(wei, [chen]), new GapWatch(chen, [wei])];
      chen.client.on('moved', ({ to, why }) => moves.push(`${to.datacenter} ${why.code}`));

      const ann = await join(cloud, 'us', { at: 'sjc' });
      await waitFor('the move', () => [chen, wei].every((one) => seatOf(one) !== 'sha'), 15_000);
      for (const one of [chen, wei]) expect(['hkg', 'sjc']).toContain(seatOf(one));
      if (up.length === 2) expect(seatOf(chen)).toBe(place);
      await waitFor('the word of it', () => moves.length === 1);
      expect(moves).toEqual([`${seatOf(chen)} room_moved`]);
      for (const listener of [ann, chen, wei]) {
        for (const speaker of [ann, chen, wei]) if (speaker !== listener) await hears(listener, speaker);
      }
      for (const gap of gaps) expect(await gap.longest()).toBeLessThan(2000);
      // Nothing that ann originated was processed at sha: no leg of hers in its decisions, no pipe, no name.
      const log = cloud.at('sha').log();
      expect(log).not.toContain('us person');
      expect(log).not.toMatch(/"step":"(transport|produce|consume|pipe)","kind":"admit"[^}]*"home":"us"/);
    },
    90_000,
  );

  it('a newcomer of cn is told of no place where a us participant’s room cannot be', async () => {
    const cloud = await cloudOf('sjc', 'hkg', 'sha');
    await join(cloud, 'us', { at: 'sjc' });
    const chen = await join(cloud, 'cn', { at: 'sha' });
    expect(['hkg', 'sjc']).toContain(seatOf(chen));
    expect(cloud.at('sha').log()).not.toMatch(/"step":"(upgrade|join)"/);
  }, 30_000);

  it('is refused when no seat is left for everyone; nobody moves', async () => {
    const cloud = await cloudOf('iad', 'sha');
    const chen = await join(cloud, 'cn', { at: 'sha' });
    const ann = createParticipant({
      token: await cloud.token('summit', 'us'),
      frontDoors: [cloud.at('iad').url],
    });
    ends.push(() => ann.leave());
    const outcome = await ann.join();
    expect(outcome).toMatchObject({ ok: false, problem: { code: 'no_datacenter_up', retry: true } });
    expect(seatOf(chen)).toBe('sha');
  }, 30_000);
});

describe('a node of sha that takes the fence for open, by its own policy', () => {
  /** As after a mistaken edit at one site, or in the hands of somebody who owns it: its certificate is good. */
  const mistaken = (datacenter: string, policy: CompiledPolicy): CompiledPolicy => {
    const cn = policy.policy.regions.get('cn');
    if (datacenter !== 'sha' || cn === undefined) return policy;
    const regions = new Map([...policy.policy.regions, ['cn', { ...cn, admits: 'any' as const }]]);
    return compilePolicy({ ...policy.policy, regions });
  };

  it('gets no media, name or word of outsiders from the others, and is not heard by them', async () => {
    const cloud = await startCloud({ datacenters: ['sjc', 'hkg', 'sha'], policyAt: mistaken });
    ends.push(() => cloud.close());
    const chen = await join(cloud, 'cn', { at: 'sha' });
    const lin = await join(cloud, 'hk', { at: 'hkg' });
    const ann = await join(cloud, 'us', { at: 'sjc' });
    await hears(lin, ann);
    await ann.client.sendChat('not for sha');
    await chen.client.sendChat('from where nobody of us may be');
    // sha sees no reason to move chen, and nobody there may hear ann.
    await hears(ann, lin);
    expect(seatOf(chen)).toBe('sha');
    const seen = [lin, ann].map(({ client }) => [...(client.room?.peers.values() ?? [])]);
    expect(seen.map((peers) => peers.map(({ datacenter }) => datacenter))).toEqual([['sjc'], ['hkg']]);
    expect([...(chen.client.room?.peers.values() ?? [])]).toEqual([]);
    expect((await heard(chen)).size).toBe(0);
    const log = cloud.at('sha').log();
    expect(log).not.toContain('us person');
    expect(log).not.toContain('not for sha');
    expect(log).not.toContain('hk person');
    expect(log).not.toMatch(/"pipe":\{"direction":"in"/);
  }, 60_000);

  it('is left by whoever follows a signed list, and refused what it asks for in their place', async () => {
    const cloud = await startCloud({ datacenters: ['sjc', 'sha'], policyAt: mistaken });
    ends.push(() => cloud.close());
    const ann = await join(cloud, 'us', { at: 'sjc' });
    expect(seatOf(ann)).toBe('sjc');
    const chen = createParticipant({
      token: await cloud.token('summit', 'cn'),
      url: cloud.at('sha').url.replace('http', 'ws'),
    });
    ends.push(() => chen.leave());
    await chen.join();
    expect((await heard(chen)).size).toBe(0);
    expect([...(chen.client.room?.peers.values() ?? [])].filter(({ region }) => region === 'us')).toEqual([]);
  }, 60_000);
});
