import { beforeEach, describe, expect, it } from 'vitest';
import { withFence, zoom2020 } from '../testing/door.ts';
import { roomKey, type WaitingState } from './messages.ts';
import { ownClock, pass, settle } from './testing/clock.ts';
import { World } from './testing/world.ts';

// What a node is told of people elsewhere, and what is taken back.

/** The example with a fence around eu's datacenters. */
const EU_FENCED = withFence(zoom2020(), 'eu', ['eu'], 13);

let world: World;
ownClock(() => world.close());

describe('who waits for a host', () => {
  const wil = (label: Partial<WaitingState['label']> = {}) => ({
    peerId: 'wil',
    displayName: 'Wil',
    label: { home: 'us', evidence: ['us'], regions: null, ...label },
  });
  const seenAtFra = () =>
    [...world.at('fra').room.waitingThere.values()].flat().map(({ displayName }) => displayName);
  beforeEach(async () => {
    world = new World(['sjc', 'fra']);
    await world.enter('ann', 'us', 'sjc');
    await world.enter('eve', 'eu', 'fra', { host: true });
    world.at('sjc').room.waitingHere = [wil()];
    world.at('sjc').link.waitingChanged();
    await settle();
    expect(seenAtFra()).toEqual(['Wil']);
  });

  it('is forgotten at once by a node whose policy forbids it to know', () => {
    world.at('fra').policy = EU_FENCED;
    world.at('fra').federation.rejudge();
    expect(seenAtFra()).toEqual([]);
  });

  it('is taken back by a node whose policy forbids another to know', async () => {
    world.at('sjc').policy = EU_FENCED;
    world.at('sjc').federation.rejudge();
    await settle();
    expect(seenAtFra()).toEqual([]);
  });

  it('is taken back when its label has changed, and when the room is narrowed', async () => {
    const { room, link } = world.at('sjc');
    room.waitingHere = [wil({ regions: ['us'] })];
    link.waitingChanged();
    await settle();
    expect(seenAtFra()).toEqual([]);
    room.waitingHere = [wil()];
    link.waitingChanged();
    await settle();
    expect(seenAtFra()).toEqual(['Wil']);
    await world.enter('bob', 'us', 'sjc', { label: { regions: ['us'] } });
    await settle();
    expect(seenAtFra()).toEqual([]);
  });
});

it('who could not be known by the policy of before is asked for when a node switches alone', async () => {
  world = new World(['sjc', 'fra']);
  const [sjc, fra] = [world.at('sjc'), world.at('fra')];
  await world.enter('ann', 'us', 'sjc');
  await world.enter('eve', 'eu', 'fra');
  sjc.room.waitingHere = [
    { peerId: 'wil', displayName: 'Wil', label: { home: 'us', evidence: ['us'], regions: null } },
  ];
  sjc.link.waitingChanged();
  await settle();
  fra.policy = EU_FENCED;
  fra.federation.rejudge();
  await settle();
  expect([world.seenAt('fra'), fra.room.waitingThere.get('sjc/node-sjc')]).toEqual([['eve'], []]);
  // Without the registry: over the link that is there.
  world.registry.down = true;
  fra.policy = zoom2020();
  fra.federation.rejudge();
  await settle();
  expect(world.seenAt('fra')).toEqual(['ann', 'eve']);
  expect(fra.room.waitingThere.get('sjc/node-sjc')).toHaveLength(1);
});

describe('a node that calls itself as one of another datacenter does', () => {
  beforeEach(async () => {
    world = new World(['sjc', 'iad', 'sha', 'hkg'], { sha: 'node-iad', hkg: 'node-iad' });
    await world.enter('ann', 'us', 'sjc', { host: true });
    await world.enter('bob', 'us', 'iad');
    await settle();
  });

  /** The whole of what a node says of a room, as itself. */
  const meet = (members: unknown[], at = 'sha') => ({
    room: roomKey('commercial', 'standup'),
    link: world.at(at).links.address,
    places: { homes: [], evidence: [], moves: true, regions: null },
    members,
    waiting: [],
    shared: { ...world.at('sha').room.rules, keptOut: [], letIn: [] },
  });
  const cn = { home: 'cn', evidence: ['cn'], regions: null };

  it('is told what its own datacenter may know, and nothing that follows', async () => {
    const { links } = world.at('sha');
    const heard: unknown[] = [];
    links.notices.set('room.update', (_from, data) => heard.push(data));
    const { peer, address } = world.at('sjc').links;
    const link = await links.connect({ ...peer, link: address });
    const answer = await link.request('room.meet', meet([]));
    expect(answer).toMatchObject({ hosting: true, members: [], waiting: [] });
    expect(JSON.stringify(answer)).not.toContain('ann');
    world.at('sjc').link.chat('ann', { messageId: 'm', at: 1, text: 'for us alone' });
    world.at('sjc').link.memberChanged('ann');
    await settle();
    expect(JSON.stringify(heard)).not.toMatch(/ann|for us alone/);
    // The node whose id it is has heard all of it.
    expect(world.seenAt('iad')).toEqual(['ann', 'bob']);
    expect(world.at('iad').room.chats).toEqual(['ann: for us alone']);
  });

  it('speaks for itself alone', async () => {
    const { peer, address } = world.at('sjc').links;
    const link = await world.at('hkg').links.connect({ ...peer, link: address });
    const bob = { peerId: 'bob', displayName: 'Bob', role: 'host', label: cn, producers: [] };
    await link.request('room.meet', meet([bob, { ...bob, peerId: 'mallory' }], 'hkg'));
    link.notice('room.update', {
      room: roomKey('commercial', 'standup'),
      gone: [{ peerId: 'bob', reason: 'left' }],
    });
    link.notice('room.update', {
      room: roomKey('commercial', 'standup'),
      members: [bob],
      chat: { peerId: 'bob', messageId: 'm', at: 1, text: 'forged' },
    });
    await settle();
    const { room } = world.at('sjc');
    expect(room.known.get('bob')?.node.datacenter).toBe('iad');
    expect(room.known.get('mallory')?.node.datacenter).toBe('hkg');
    expect([room.gone, room.chats]).toEqual([[], []]);
    link.close('done');
    await pass(60_000);
    expect(world.seenAt('sjc')).toEqual(['ann', 'bob']);
  });
});
