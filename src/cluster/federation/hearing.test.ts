import { describe, expect, it } from 'vitest';
import { withFence, withPolicy, zoom2020 } from '../testing/door.ts';
import { FADE_MS } from './hearing.ts';
import { roomKey } from './messages.ts';
import { ownClock, pass, settle } from './testing/clock.ts';
import { World } from './testing/world.ts';

// Whose word of a room counts: that of nodes at which everyone who sits here could sit.

let world: World;
ownClock(() => world.close());

const room = roomKey('commercial', 'standup');
const NOBODY = { homes: [], evidence: [], moves: true, regions: null };
const RULES = { version: 7, locked: false, ended: false, remainingSeconds: null, keptOut: [], letIn: [] };
const CN = { home: 'cn', evidence: ['cn'], regions: null };

/** Whatever a node says that lies, of a room that it knows the key of. */
const LIES = [
  ['ends it', { shared: { ...RULES, ended: true } }],
  ['locks it', { shared: { ...RULES, locked: true } }],
  ['shortens it', { shared: { ...RULES, remainingSeconds: 0 } }],
  ['narrows it to its own region', { places: { ...NOBODY, regions: ['cn'] } }],
  [
    'empties it',
    { places: { homes: ['us', 'eu'], evidence: ['us', 'eu', 'cn'], moves: false, regions: [] } },
  ],
  ['removes somebody', { shared: { ...RULES, keptOut: [{ label: CN, hashes: ['hash'] }] } }],
  ['lets somebody in', { shared: { ...RULES, letIn: [{ label: CN, hashes: ['hash'] }] } }],
  [
    'fills it, and speaks in it',
    {
      members: [{ peerId: 'mallory', displayName: 'Ann', role: 'host', label: CN, producers: [] }],
      chat: { peerId: 'mallory', messageId: 'm', at: 1, text: 'forged' },
    },
  ],
  ['has somebody wait', { waiting: [{ peerId: 'mallory', displayName: 'Mallory', label: CN }] }],
] as const;

/** All that a node has heard of a room, whatever is said. */
function stateOf(datacenter: string) {
  const { room: here } = world.at(datacenter);
  const { rules, regions, chats, gone, acts } = here;
  const [known, waiting] = [[...here.known.keys()], [...here.waitingThere.values()].flat()];
  return { rules, regions, chats, gone, acts, known, waiting, decided: [...here.decisions()] };
}

/** What a node says of the room to another, met by it or not. */
async function say(
  from: string,
  to: string,
  { meets, ...update }: { meets: boolean; [what: string]: unknown },
) {
  const [speaker, { peer, address }] = [world.at(from).links, world.at(to).links];
  const link = await speaker.connect({ ...peer, link: address });
  const whole = {
    room,
    link: speaker.address,
    places: NOBODY,
    members: [],
    waiting: [],
    shared: RULES,
    ...(meets && update),
  };
  await link.request('room.meet', whole);
  if (!meets) link.notice('room.update', { room, ...update });
  await settle();
}

describe.each([
  ['as it meets it', true],
  ['later', false],
])('a node that lies of a room of us, %s', (_when, meets) => {
  it.each(LIES)('at sha: it %s, and nothing happens', async (_what, lie) => {
    world = new World(['sjc', 'sha']);
    await world.enter('ann', 'us', 'sjc', { host: true });
    await settle();
    const before = stateOf('sjc');
    await say('sha', 'sjc', { meets, ...lie });
    await pass(20_000);
    expect({ ...stateOf('sjc') }).toEqual(before);
    expect([...world.at('sjc').room.moved]).toEqual([]);
    expect(await world.enter('bob', 'us', 'sjc')).toBe('admit');
  });

  it.each(LIES)('at hkg, where us may be: it %s, and is heard', async (_what, lie) => {
    world = new World(['sjc', 'hkg']);
    await world.enter('ann', 'us', 'sjc', { host: true });
    await settle();
    const before = stateOf('sjc');
    await say('hkg', 'sjc', { meets, ...lie });
    expect(stateOf('sjc')).not.toEqual(before);
  });
});

it('a node that has no say can act on nobody', async () => {
  world = new World(['sjc', 'sha']);
  await world.enter('ann', 'us', 'sjc');
  await say('sha', 'sjc', {
    meets: true,
    members: [{ peerId: 'mallory', displayName: 'Mallory', role: 'host', label: CN, producers: [] }],
  });
  const { peer, address } = world.at('sjc').links;
  const link = await world.at('sha').links.connect({ ...peer, link: address });
  const act = { act: 'remove', by: 'mallory', peerId: 'ann' } as const;
  await expect(link.request('room.act', { room, act })).rejects.toMatchObject({ code: 'not_found' });
  expect(world.at('sjc').room.acts).toEqual([]);
});

describe('a node that can have a say no more', () => {
  it('is listened to while its members go, and then they are forgotten', async () => {
    world = new World(['sjc', 'fra']);
    await world.enter('ann', 'us', 'sjc');
    await world.enter('eve', 'eu', 'fra');
    await settle();
    for (const node of world.nodes.values()) node.policy = withFence(zoom2020(), 'eu', ['eu'], 13);
    for (const node of world.nodes.values()) node.federation.rejudge();
    world.at('fra').link.chat('eve', { messageId: 'm', at: 1, text: 'on my way' });
    await pass(FADE_MS - 500);
    expect(world.seenAt('sjc')).toEqual(['ann', 'eve']);
    expect(world.at('sjc').room.chats).toEqual(['eve: on my way']);
    await pass(1000);
    expect(world.seenAt('sjc')).toEqual(['ann']);
    expect(world.at('sjc').room.gone).toEqual([['eve', 'policy']]);
    world.at('fra').link.chat('eve', { messageId: 'm', at: 1, text: 'still here' });
    await settle();
    expect(world.at('sjc').room.chats).toEqual(['eve: on my way']);
  });

  it('is asked again once it has a say again', async () => {
    world = new World(['hkg', 'sha']);
    await world.enter('chen', 'cn', 'sha');
    await world.enter('wei', 'cn', 'hkg');
    await world.enter('ann', 'us', 'hkg');
    await pass(FADE_MS + 1000);
    // Chen did not go, as its node was told to have him do.
    expect(world.at('sha').room.moved.has('chen')).toBe(true);
    expect(world.seenAt('hkg')).toEqual(['ann', 'wei']);
    world.leave('ann', 'hkg');
    await settle();
    expect(world.seenAt('hkg')).toEqual(['chen', 'wei']);
  });
});

it('a node that has a say by another policy is asked again over the link that there is, without the registry too', async () => {
  world = new World(['sjc', 'sha']);
  await world.enter('chen', 'cn', 'sha');
  await world.enter('ann', 'us', 'sjc');
  await settle();
  expect(world.seenAt('sjc')).toEqual(['ann']);
  world.registry.down = true;
  world.switchPolicy('sjc', withFence(zoom2020(), 'cn', 'any', 13));
  await settle();
  expect(world.seenAt('sjc')).toEqual(['ann', 'chen']);
});

it('what was said to a node that had nobody here is asked for before the first is in', async () => {
  world = new World(['sjc', 'iad']);
  await world.enter('ann', 'us', 'sjc', { host: true });
  await say('sjc', 'iad', { meets: true });
  expect(world.seenAt('iad')).toEqual([]);
  const { room: here } = world.at('iad');
  const entered = world.enter('bob', 'us', 'iad').then(() => [...here.known.keys()]);
  expect(await entered).toEqual(['ann']);
});

it('one who waits alone is heard of where a host may be, and a host elsewhere lets them in', async () => {
  world = new World(['sjc', 'iad', 'sha']);
  await world.enter('ann', 'us', 'sjc', { host: true });
  world.wait('wil', { home: 'us', evidence: ['us'], regions: null }, 'iad');
  await pass(4000);
  await say('sha', 'iad', { meets: true, shared: { ...RULES, ended: true } });
  expect(world.at('iad').room.rules.ended).toBe(false);
  await world.at('sjc').link.act('iad/node-iad', { act: 'admit', by: 'ann', peerId: 'wil' });
  expect(world.at('iad').room.acts).toHaveLength(1);
});

it('a datacenter that admits nobody new is listened to while it empties', async () => {
  world = new World(['sjc', 'iad']);
  await world.enter('ann', 'us', 'sjc');
  await world.enter('bob', 'us', 'iad');
  await settle();
  world.switchPolicy('sjc', withPolicy(zoom2020(), { version: 13, closed: ['iad'] }));
  await settle();
  expect(world.seenAt('sjc')).toEqual(['ann', 'bob']);
  world.leave('bob', 'iad');
  await settle();
  expect(world.at('sjc').room.gone).toEqual([['bob', 'left']]);
});

describe('two nodes neither of which hears the other', () => {
  const fenced = () => withFence(zoom2020(), 'us', ['us'], 13);

  /** A registry that forgot, and a room that began at both. */
  const double = async (down: string[]): Promise<void> => {
    world = new World(['sjc', 'sha', 'hkg']);
    for (const datacenter of down) world.down.add(datacenter);
    for (const { datacenter } of world.nodes.values()) world.switchPolicy(datacenter, fenced());
    await world.enter('ann', 'us', 'sjc');
    world.registry.records.clear();
    await world.enter('chen', 'cn', 'sha');
    world.at('sjc').federation.restate();
    world.at('sha').federation.restate();
    await pass(20_000);
    expect([world.seenAt('sjc'), world.seenAt('sha')]).toEqual([['ann'], ['chen']]);
    expect(world.leaks()).toEqual([]);
  };
  const ledTo = (datacenter: string, peerId: string): unknown[] | undefined => {
    const list = world.at(datacenter).room.moved.get(peerId)?.list;
    return list && [...list.primaries, ...list.secondaries].map((entry) => entry.datacenter);
  };

  it('lead their people to where all may be: a room that a registry doubled is one again', async () => {
    await double(['fra', 'ams']);
    expect([ledTo('sjc', 'ann'), ledTo('sha', 'chen')]).toEqual([['hkg'], ['hkg']]);
  });

  it('leave them where they are when no such place is up', async () => {
    await double(['fra', 'ams', 'hkg']);
    expect([world.at('sjc').room.moved.size, world.at('sha').room.moved.size]).toEqual([0, 0]);
  });
});
