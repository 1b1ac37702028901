import { describe, expect, it } from 'vitest';
import { withFence, withPolicy, zoom2020 } from '../testing/door.ts';
import { roomKey } from './messages.ts';
import { ownClock, pass, settle } from './testing/clock.ts';
import { World } from './testing/world.ts';

/** The example with a fence around eu's datacenters. */
const EU_FENCED = withFence(zoom2020(), 'eu', ['eu'], 13);

let world: World;
ownClock(() => world.close());

describe('a room over several nodes', () => {
  it('is one room: each node knows the members of all, as they come and go', async () => {
    world = new World(['sjc', 'iad', 'fra']);
    expect(await world.enter('ann', 'us', 'sjc')).toBe('admit');
    expect(await world.enter('bob', 'us', 'iad')).toBe('admit');
    expect(await world.enter('eve', 'eu', 'fra')).toBe('admit');
    await settle();
    for (const datacenter of ['sjc', 'iad', 'fra'])
      expect(world.seenAt(datacenter)).toEqual(['ann', 'bob', 'eve']);
    world.leave('bob', 'iad');
    await settle();
    expect(world.seenAt('sjc')).toEqual(['ann', 'eve']);
    expect(world.seenAt('fra')).toEqual(['ann', 'eve']);
    expect(world.at('sjc').room.gone).toEqual([['bob', 'left']]);
  });

  it('is known to a newcomer’s node before the newcomer is in it', async () => {
    world = new World(['sjc', 'iad']);
    await world.enter('ann', 'us', 'sjc');
    const { room } = world.at('iad');
    const entered = world.enter('bob', 'us', 'iad').then(() => [...room.known.keys()]);
    expect(await entered).toEqual(['ann']);
  });

  it('many at once, at all nodes: everyone is known everywhere', async () => {
    world = new World(['sjc', 'iad', 'fra', 'ams']);
    const peers = Array.from({ length: 40 }, (_, i) => `p${i}`);
    const at = ['sjc', 'iad', 'fra', 'ams'];
    const entered = Promise.all(
      peers.map((peer, i) => world.enter(peer, i % 4 < 2 ? 'us' : 'eu', at[i % 4] ?? 'sjc')),
    );
    await pass(5000);
    expect(new Set(await entered)).toEqual(new Set(['admit']));
    await pass(5000);
    for (const datacenter of at) expect(world.seenAt(datacenter)).toEqual([...peers].sort());
    const [record] = world.registry.records.values();
    expect(record?.hosts.map(({ homes }) => homes[0]?.count)).toEqual([10, 10, 10, 10]);
  });

  it('carries chat to every node that knows its author', async () => {
    world = new World(['sjc', 'iad']);
    await world.enter('ann', 'us', 'sjc');
    await world.enter('bob', 'us', 'iad');
    await settle();
    world.at('sjc').link.chat('ann', { messageId: 'm1', at: 1, text: 'hello' });
    world.at('sjc').link.chat('nobody', { messageId: 'm2', at: 1, text: 'forged' });
    await settle();
    expect(world.at('iad').room.chats).toEqual(['ann: hello']);
  });

  it('lets a host act on who is elsewhere, and nobody else', async () => {
    world = new World(['sjc', 'iad']);
    await world.enter('ann', 'us', 'sjc', { host: true });
    await world.enter('bob', 'us', 'iad');
    await settle();
    const mute = { act: 'mute', peerId: 'bob', source: 'microphone' } as const;
    await world.at('sjc').link.act('iad/node-iad', { ...mute, by: 'ann' });
    expect(world.at('iad').room.acts).toEqual([{ ...mute, by: 'ann' }]);
    const byBob = world.at('iad').link.act('sjc/node-sjc', { ...mute, by: 'bob', peerId: 'ann' });
    await expect(byBob).rejects.toMatchObject({ code: 'host_only' });
    // A node cannot speak for another node's host.
    const forged = world.at('iad').link.act('sjc/node-sjc', { ...mute, by: 'ann', peerId: 'ann' });
    await expect(forged).rejects.toMatchObject({ code: 'not_found' });
  });

  it('shares a lock, and who waits', async () => {
    world = new World(['sjc', 'iad']);
    await world.enter('ann', 'us', 'sjc', { host: true });
    const { room, link } = world.at('iad');
    room.waitingHere = [
      { peerId: 'wil', displayName: 'Wil', label: { home: 'us', evidence: ['us'], regions: null } },
    ];
    link.waitingChanged();
    await pass(4000);
    expect(
      world
        .at('sjc')
        .room.waitingThere.get('iad/node-iad')
        ?.map(({ displayName }) => displayName),
    ).toEqual(['Wil']);
    const sjc = world.at('sjc');
    sjc.room.rules = { ...sjc.room.rules, version: 1, locked: true };
    sjc.link.share();
    await settle();
    expect(room.rules.locked).toBe(true);
  });

  it('is not locked for good by a node that says the last number there is, nor parted from one that believed less', async () => {
    world = new World(['sjc', 'iad', 'fra']);
    for (const [peer, where] of [
      ['ann', 'sjc'],
      ['bob', 'iad'],
      ['eve', 'fra'],
    ] as const)
      await world.enter(peer, 'us', where);
    await settle();
    const [honest, liar, other] = [world.at('sjc'), world.at('iad'), world.at('fra')];
    const decide = async (at: typeof honest, version: number, locked: boolean) => {
      at.room.rules = { ...at.room.rules, version, locked };
      at.link.share();
      await settle();
    };
    await decide(liar, Number.MAX_SAFE_INTEGER, true);
    expect([honest.room.rules.locked, other.room.rules.locked]).toEqual([false, false]);
    expect(world.refused.sort()).toEqual(['iad at fra: version', 'iad at sjc: version']);
    expect(honest.room.rules.version).toBe(2 ** 20);

    // One that was lied to alone, by what can be believed, and whose host decides: it is heard at the second time.
    other.room.rules = { ...other.room.rules, version: 0 };
    await decide(honest, 2 ** 20 + 1, true);
    expect(other.room.rules).toMatchObject({ version: 2 ** 20, locked: false });
    await decide(honest, 2 ** 20 + 2, true);
    expect(other.room.rules).toMatchObject({ version: 2 ** 20 + 2, locked: true });
    await decide(other, 2 ** 20 + 3, false);
    expect(honest.room.rules.locked).toBe(false);
  });

  it('of thousands with long names is told in as many messages as it takes, at either end and on taking back', async () => {
    world = new World(['sjc', 'iad']);
    const crowd = (datacenter: string) => {
      const { room } = world.at(datacenter);
      const label = { home: 'us', evidence: ['us'], regions: null };
      for (let n = 0; n < 2500; n += 1) {
        const peerId = `${datacenter}-${n}-${'x'.repeat(20)}`;
        room.seated.set(peerId, {
          peerId,
          label,
          jti: peerId,
          moves: true,
          name: '世'.repeat(80),
          host: false,
        });
      }
      room.waitingHere = Array.from({ length: 1000 }, (_, n) => ({
        peerId: `${datacenter}-w${n}`,
        displayName: '界'.repeat(80),
        label: { ...label, evidence: [...label.evidence] },
      }));
    };
    crowd('sjc');
    crowd('iad');
    // Over a megabyte of names at each.
    expect(await world.enter('ann', 'us', 'sjc')).toBe('admit');
    expect(await world.enter('bob', 'us', 'iad')).toBe('admit');
    await settle();
    for (const [here, there] of [
      ['sjc', 'iad'],
      ['iad', 'sjc'],
    ] as const) {
      expect(world.seenAt(here).length).toBe(5002);
      expect(world.at(here).room.gone).toEqual([]);
      // The first of those who wait: more come up as they go.
      const [waiting] = [...world.at(here).room.waitingThere.values()];
      expect(waiting?.[0]?.peerId).toBe(`${there}-w0`);
      expect(waiting?.length).toBeGreaterThan(500);
    }
    world.at('sjc').policy = withPolicy(zoom2020(), { version: 13, closed: ['iad'] });
    world.at('sjc').federation.rejudge();
    await settle();
    expect(world.seenAt('iad').length).toBe(2501);
  });

  it('tells nobody of a host, or of those it removed or let in, where they may not be known', async () => {
    world = new World(['sjc', 'iad', 'sha']);
    await world.enter('chen', 'cn', 'sha');
    await world.enter('ann', 'us', 'sjc', { host: true });
    await world.enter('bob', 'us', 'iad');
    await settle();
    const [sjc, sha] = [world.at('sjc'), world.at('sha')];
    const heard: unknown[] = [];
    sha.links.requests.set('room.act', (_from, data) => heard.push(data));
    const act = sjc.link.act('sha/node-sha', { act: 'remove', by: 'ann', peerId: 'chen' });
    await expect(act).rejects.toMatchObject({ code: 'not_found' });
    expect(heard).toEqual([]);

    const label = (home: string) => ({ home, evidence: [home], regions: null });
    sjc.room.decide('keptOut', label('us'), ['one-of-us']);
    sjc.room.decide('letIn', label('us'), ['one-of-us']);
    sjc.room.decide('keptOut', label('cn'), ['one-of-cn']);
    sjc.room.decide('letIn', label('cn'), ['one-of-cn']);
    sjc.room.rules = { ...sjc.room.rules, locked: true };
    sjc.link.share();
    await settle();
    const decided = { keptOut: true, letIn: true, outgrown: false };
    const cn = { label: label('cn'), ...decided };
    expect(sha.room.rules.locked).toBe(true);
    expect([...sha.room.decisions()]).toEqual([['one-of-cn', cn]]);
    expect([...world.at('iad').room.decisions()]).toEqual([
      ['one-of-us', { label: label('us'), ...decided }],
      ['one-of-cn', cn],
    ]);
    // Nor does a node take what another should not have said.
    const { peer, address } = sha.links;
    const link = await sjc.links.connect({ ...peer, link: address });
    const us = [{ label: label('us'), hashes: ['one-of-us'] }];
    const shared = { ...sjc.room.rules, keptOut: us, letIn: us };
    link.notice('room.update', { room: roomKey('commercial', 'standup'), shared });
    await settle();
    expect([...sha.room.decisions()]).toEqual([['one-of-cn', cn]]);
    // Or what it was told once: who is met anew is told no more.
    world.cut('sjc', 'sha');
    await pass(2000);
    world.network.mend();
    await pass(5000);
    expect([...sha.room.decisions()]).toEqual([['one-of-cn', cn]]);
  });

  it('writes nothing to the registry while nobody comes or goes', async () => {
    world = new World(['sjc', 'iad']);
    await world.enter('ann', 'us', 'sjc');
    await world.enter('bob', 'us', 'iad');
    await settle();
    const { writes } = world.registry;
    world.at('sjc').link.memberChanged('ann');
    world.at('sjc').link.placesChanged();
    await pass(60_000);
    expect(world.registry.writes).toBe(writes);
  });

  it('leaves nothing behind when everyone has left', async () => {
    world = new World(['sjc', 'iad']);
    await world.enter('ann', 'us', 'sjc');
    await world.enter('bob', 'us', 'iad');
    world.leave('ann', 'sjc');
    world.leave('bob', 'iad');
    await settle();
    expect(world.registry.records.size).toBe(0);
    expect(world.at('sjc').federation.stats().peerings).toBe(0);
    expect(await world.enter('cid', 'us', 'iad')).toBe('admit');
  });
});

describe('a room that is pulled apart', () => {
  it('moves from sha to hkg, and with hkg down to sjc, when someone of us comes', async () => {
    for (const [down, list] of [
      [[], ['hkg', 'sjc']],
      [['hkg'], ['sjc']],
    ] as const) {
      world = new World(['sjc', 'sha']);
      for (const datacenter of down) world.down.add(datacenter);
      await world.enter('chen', 'cn', 'sha');
      expect(await world.enter('ann', 'us', 'sjc')).toBe('admit');
      await settle();
      const redirect = world.at('sha').room.moved.get('chen');
      const listed = [...(redirect?.list.primaries ?? []), ...(redirect?.list.secondaries ?? [])];
      expect(listed.map(({ datacenter }) => datacenter).sort()).toEqual([...list].sort());
      // Chen was never told of Ann at sha, and Ann, who may not be there, hears of him once he sits elsewhere.
      expect(world.seenAt('sha')).toEqual(['chen']);
      expect(world.seenAt('sjc')).toEqual(['ann']);
      expect(world.leaks()).toEqual([]);
      world.close();
    }
  });

  it('moves from sha also when someone of us comes to where others are already', async () => {
    world = new World(['hkg', 'sha']);
    await world.enter('wei', 'cn', 'hkg');
    await world.enter('chen', 'cn', 'sha');
    expect(await world.enter('ann', 'us', 'hkg')).toBe('admit');
    await settle();
    expect(world.at('sha').room.moved.has('chen')).toBe(true);
    expect(world.seenAt('sha')).toEqual(['chen', 'wei']);
    expect(world.leaks()).toEqual([]);
  });

  it('has no seat for everyone: the newcomer is refused, and nobody moves', async () => {
    world = new World(['sjc', 'iad', 'sha']);
    world.down.add('hkg').add('sjc');
    await world.enter('chen', 'cn', 'sha');
    expect(await world.enter('ann', 'us', 'iad')).toBe('refuse no_datacenter_up');
    await settle();
    expect(world.at('sha').room.moved.size).toBe(0);
    expect(world.seenAt('sha')).toEqual(['chen']);
  });

  it('sends a newcomer of cn away from sha, where someone of us is in the room', async () => {
    world = new World(['sjc', 'sha']);
    await world.enter('ann', 'us', 'sjc');
    const told = await world.enter('chen', 'cn', 'sha');
    expect(told.split(/[ ,]/).sort()).toEqual(['hkg', 'redirect', 'sjc']);
    expect(await world.enter('chen', 'cn', 'sjc')).toBe('admit');
    await settle();
    expect(world.seenAt('sjc')).toEqual(['ann', 'chen']);
  });

  it('refuses the newcomer where a host has not consented to a move', async () => {
    world = new World(['sjc', 'sha']);
    await world.enter('chen', 'cn', 'sha', { host: true, moves: false });
    expect(await world.enter('ann', 'us', 'sjc')).toBe('refuse room_apart');
    await settle();
    expect(world.at('sha').room.moved.size).toBe(0);
  });

  it('does not move back', async () => {
    world = new World(['sjc', 'hkg', 'sha']);
    await world.enter('chen', 'cn', 'hkg');
    await world.enter('ann', 'us', 'sjc');
    world.leave('ann', 'sjc');
    await pass(20_000);
    expect(world.at('hkg').room.moved.size).toBe(0);
  });

  it('of two who come at once from both sides of a fence, the second is decided with the first', async () => {
    world = new World(['sjc', 'sha']);
    const both = Promise.all([world.enter('ann', 'us', 'sjc'), world.enter('chen', 'cn', 'sha')]);
    await settle();
    const [ann, chen] = await both;
    expect(ann).toBe('admit');
    // Either chen was first and is moved, or second and is sent elsewhere.
    if (chen === 'admit') expect(world.at('sha').room.moved.has('chen')).toBe(true);
    else expect(chen).toMatch(/^redirect (hkg,sjc|sjc,hkg)$/);
    expect(world.leaks()).toEqual([]);
  });

  it('narrows: what one token leaves out counts for everyone, and stays so', async () => {
    world = new World(['sjc', 'fra']);
    await world.enter('eve', 'eu', 'fra');
    expect(await world.enter('ann', 'us', 'sjc', { label: { regions: ['us'] } })).toBe('admit');
    await settle();
    expect(world.at('fra').room.regions).toEqual(['us']);
    const listed = world
      .at('fra')
      .room.moved.get('eve')
      ?.list.secondaries.map(({ datacenter }) => datacenter);
    expect(listed?.sort()).toEqual(['iad', 'sjc']);
    world.leave('ann', 'sjc');
    await settle();
    expect(await world.enter('bob', 'us', 'fra')).toMatch(/^redirect/);
  });

  it('moves who is outside after a switch of policy, and takes back what may not be known', async () => {
    world = new World(['sjc', 'fra']);
    await world.enter('ann', 'us', 'sjc');
    await world.enter('eve', 'eu', 'fra');
    await settle();
    expect(world.seenAt('fra')).toEqual(['ann', 'eve']);
    for (const node of world.nodes.values()) node.policy = EU_FENCED;
    for (const node of world.nodes.values()) node.federation.rejudge();
    expect(world.leaks()).toEqual([]);
    await settle();
    expect(world.seenAt('fra')).toEqual(['eve']);
    expect(world.seenAt('sjc')).toEqual(['ann', 'eve']);
    expect([...world.at('fra').room.moved.keys()]).toEqual(['eve']);
  });
});

describe('when something fails', () => {
  it('a link that drops is dialled again, and nobody is gone meanwhile', async () => {
    world = new World(['sjc', 'iad']);
    await world.enter('ann', 'us', 'sjc');
    await world.enter('bob', 'us', 'iad');
    world.cut('sjc', 'iad');
    await pass(5000);
    world.network.mend();
    expect(world.seenAt('iad')).toEqual(['ann', 'bob']);
    await world.enter('cid', 'us', 'sjc');
    await pass(5000);
    expect(world.seenAt('iad')).toEqual(['ann', 'bob', 'cid']);
    expect(world.at('iad').room.gone).toEqual([]);
  });

  it('a partition doubles the room after a while, and it heals when it ends', async () => {
    world = new World(['sjc', 'iad']);
    await world.enter('ann', 'us', 'sjc');
    await world.enter('bob', 'us', 'iad');
    world.cut('sjc', 'iad');
    await pass(30_000);
    expect(world.seenAt('sjc')).toEqual(['ann']);
    expect(world.seenAt('iad')).toEqual(['bob']);
    world.network.mend();
    await pass(10_000);
    expect(world.seenAt('sjc')).toEqual(['ann', 'bob']);
    expect(world.seenAt('iad')).toEqual(['ann', 'bob']);
  });

  it('the members of a node that died are gone, and its part of the room counts for nothing', async () => {
    world = new World(['sjc', 'hkg', 'sha']);
    await world.enter('ann', 'us', 'sjc');
    await world.enter('chen', 'cn', 'hkg');
    world.kill('sjc');
    await pass(5000);
    expect(world.seenAt('hkg')).toEqual(['chen']);
    expect(world.at('hkg').room.gone).toEqual([['ann', 'lost']]);
    expect(await world.enter('wei', 'cn', 'sha')).toBe('admit');
  });

  it('without the registry a room goes on where it is, and is refused where it is not', async () => {
    world = new World(['sjc', 'iad', 'fra']);
    await world.enter('ann', 'us', 'sjc');
    await world.enter('eve', 'eu', 'fra');
    await settle();
    world.registry.down = true;
    expect(await world.enter('bob', 'us', 'sjc')).toBe('admit');
    expect(await world.enter('cid', 'us', 'iad')).toBe('error registry_unavailable');
    await settle();
    expect(world.seenAt('fra')).toEqual(['ann', 'bob', 'eve']);
    world.registry.down = false;
    await pass(5000);
    const [record] = world.registry.records.values();
    expect(record?.hosts.find(({ node }) => node === 'node-sjc')?.homes).toEqual([{ home: 'us', count: 2 }]);
  });

  it('a registry that forgot is told again; two who met in between find each other', async () => {
    world = new World(['sjc', 'iad']);
    await world.enter('ann', 'us', 'sjc');
    world.registry.records.clear();
    await world.enter('bob', 'us', 'iad');
    await settle();
    expect(world.seenAt('iad')).toEqual(['bob']);
    world.at('sjc').federation.restate();
    await pass(5000);
    expect(world.seenAt('sjc')).toEqual(['ann', 'bob']);
    expect(world.seenAt('iad')).toEqual(['ann', 'bob']);
  });

  it.each([
    ['is empty', (): void => world.at('sha').federation.restate()],
    ['has closed', (): void => world.at('sha').link.close()],
  ])(
    'a registry that went back names a node whose room %s: that node takes its part back',
    async (_how, then) => {
      world = new World(['sjc', 'hkg', 'sha']);
      await world.enter('chen', 'cn', 'sha');
      const before = new Map(world.registry.records);
      world.leave('chen', 'sha');
      await settle();
      await world.enter('ann', 'us', 'sjc');
      for (const [key, record] of before) world.registry.records.set(key, record);
      then();
      world.at('sjc').federation.restate();
      await pass(5000);
      const [record] = world.registry.records.values();
      expect(record?.hosts.map(({ datacenter }) => datacenter)).toEqual(['sjc']);
    },
  );

  it('whoever writes to the registry makes nobody known, and nobody move', async () => {
    world = new World(['sjc', 'hkg', 'sha']);
    await world.enter('ann', 'us', 'sjc');
    await settle();
    const [key, record] = [...world.registry.records][0] ?? [];
    if (key === undefined || record === undefined) throw new Error('no record');
    const forged = { homes: [{ home: 'cn', count: 9 }], evidence: ['cn'] };
    world.registry.records.set(key, {
      ...record,
      epoch: 99,
      hosts: [
        ...record.hosts,
        { node: 'node-sha', nodeEpoch: 1, datacenter: 'sha', ...forged },
        { node: 'node-sjc', nodeEpoch: 1, datacenter: 'sha', ...forged },
      ],
    });
    await world.enter('bob', 'us', 'sjc');
    await pass(10_000);
    expect(world.at('sjc').room.moved.size).toBe(0);
    expect(world.seenAt('sha')).toEqual([]);
    expect(world.leaks()).toEqual([]);
  });
});

describe('a node that goes', () => {
  it('sends each member where the whole room may be, and nobody where the others may not', async () => {
    world = new World(['hkg', 'sjc']);
    await world.enter('chen', 'cn', 'hkg');
    await world.enter('ann', 'us', 'sjc');
    await settle();
    world.down.add('hkg');
    expect(await world.at('hkg').link.handOver()).toEqual(new Set(['chen']));
    const list = world.at('hkg').room.moved.get('chen')?.list;
    // sha and tsn are cn's primaries, and up.
    expect([...(list?.primaries ?? []), ...(list?.secondaries ?? [])]).toMatchObject([{ datacenter: 'sjc' }]);
    world.down.add('sjc');
    expect(await world.at('hkg').link.handOver()).toEqual(new Set());
    world.registry.down = true;
    await expect(world.at('hkg').link.handOver()).rejects.toMatchObject({ code: 'registry_unavailable' });
  });

  it('leads whom it can, though one cannot be told where to go', async () => {
    world = new World(['iad', 'sjc']);
    await world.enter('ann', 'us', 'iad');
    await world.enter('bob', 'us', 'iad');
    world.down.add('iad');
    world.meanwhile = (_datacenter, step, peerId) => {
      if (step === 'redirect' && peerId === 'ann') throw new Error('it cannot be signed');
    };
    expect(await world.at('iad').link.handOver()).toEqual(new Set(['bob']));
    expect([...world.at('iad').room.moved.keys()]).toEqual(['bob']);
  });
});
