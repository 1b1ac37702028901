import { beforeEach, describe, expect, it } from 'vitest';
import { withPolicy, zoom2020 } from '../testing/door.ts';
import { roomKey, updateSchema } from './messages.ts';
import { ownClock, pass, settle } from './testing/clock.ts';
import { World } from './testing/world.ts';

// What hosts decided about people, as nodes tell each other.

let world: World;
ownClock(() => world.close());
const US = { home: 'us', evidence: ['us'], regions: null };
const of = (datacenter: string) => world.at(datacenter).room.decisions().get('hash');

describe('somebody whose label has grown', () => {
  /** What the label grows to at hkg, which alone may know of it then. */
  const NARROWED = { ...US, regions: ['hk'] };
  beforeEach(async () => {
    world = new World(['hkg', 'sjc', 'iad']);
    await world.enter('lin', 'hk', 'hkg', { host: true });
    await world.enter('ann', 'us', 'sjc');
    await world.enter('bob', 'us', 'iad');
    await settle();
    world.at('hkg').room.decide('letIn', US, ['hash']);
    world.at('hkg').link.share();
    await settle();
    expect(of('sjc')).toEqual({ label: US, keptOut: false, letIn: true, outgrown: false });
  });
  const grow = () => {
    world.at('hkg').room.decide('letIn', NARROWED, ['hash']);
    world.at('hkg').link.share();
  };

  it('is told to nobody any more by a node that knows the label of before, and still counts there', async () => {
    grow();
    await settle();
    for (const datacenter of ['sjc', 'iad'])
      expect(of(datacenter)).toEqual({ label: US, keptOut: false, letIn: true, outgrown: true });
    expect(of('hkg')?.outgrown).toBe(false);
    // Who comes later hears of them from nobody who may not know the whole.
    world.kill('hkg');
    const said: string[] = [];
    world.network.onSaid = (_from, _to, data) => said.push(JSON.stringify(data) ?? '');
    world.cut('sjc', 'iad');
    await pass(2000);
    world.network.mend();
    await pass(5000);
    expect(said.some((text) => text.includes('keptOut'))).toBe(true);
    expect(said.join()).not.toContain('"hash"');
  });

  it('is taken back too from a node that was out of reach, and from one that another node told', async () => {
    world.cut('hkg', 'sjc');
    await pass(1000);
    grow();
    await settle();
    // Over the node between: it was told of by it, or has told it.
    expect([of('iad')?.outgrown, of('sjc')?.outgrown]).toEqual([true, false]);
    world.cut('hkg', 'iad');
    world.network.mend();
    await pass(20_000);
    expect([of('iad')?.outgrown, of('sjc')?.outgrown]).toEqual([true, true]);
    expect(of('hkg')).toEqual({ label: NARROWED, keptOut: false, letIn: true, outgrown: false });
  });

  it('and is removed by a host at a node that may not know the whole is kept out where the whole is known', async () => {
    grow();
    await settle();
    const said: string[] = [];
    world.network.onSaid = (_from, to, data) => {
      if (to.datacenter === 'iad') said.push(JSON.stringify(data) ?? '');
    };
    world.at('sjc').room.decide('keptOut', US, ['hash']);
    world.at('sjc').link.share();
    await settle();
    expect(of('hkg')).toEqual({ label: NARROWED, keptOut: true, letIn: true, outgrown: false });
    expect(of('sjc')).toMatchObject({ keptOut: true, outgrown: true });
    expect(of('iad')).toMatchObject({ keptOut: false, outgrown: true });
    expect(said.join()).not.toContain('"hash"');
  });

  it.each([
    ['before the node that knows the whole is met anew', true],
    ['after it', false],
  ])('and is removed at such a node %s, is kept out there too', async (_when, before) => {
    grow();
    await settle();
    const remove = () => {
      world.at('sjc').room.decide('keptOut', US, ['hash']);
      world.at('sjc').link.share();
    };
    const said: string[] = [];
    world.network.onSaid = (_from, to, data) => {
      if (to.datacenter === 'iad') said.push(JSON.stringify(data) ?? '');
    };
    world.cut('hkg', 'sjc');
    await pass(30_000);
    expect(world.seenAt('sjc')).toEqual(['ann', 'bob']);
    if (before) remove();
    world.network.mend();
    await pass(10_000);
    expect(world.seenAt('sjc')).toEqual(['ann', 'bob', 'lin']);
    if (!before) remove();
    await settle();
    expect(of('hkg')).toEqual({ label: NARROWED, keptOut: true, letIn: true, outgrown: false });
    expect(of('iad')).toMatchObject({ keptOut: false, outgrown: true });
    expect(said.join()).not.toContain('"hash"');
  });

  it('is known again where a later policy, or a later word, allows the whole', async () => {
    grow();
    await settle();
    world.at('hkg').room.decide('keptOut', US, ['hash']);
    world.at('hkg').link.share();
    await settle();
    expect(of('sjc')).toMatchObject({ keptOut: false, outgrown: true });
    const link = await world
      .at('hkg')
      .links.connect({ ...world.at('sjc').links.peer, link: world.at('sjc').links.address });
    const grown = { ...US, evidence: ['eu', 'us'] };
    const shared = {
      ...world.at('hkg').room.rules,
      keptOut: [{ label: grown, hashes: ['hash'] }],
      letIn: [],
    };
    link.notice('room.update', { room: roomKey('commercial', 'standup'), shared });
    await settle();
    expect(of('sjc')).toEqual({ label: grown, keptOut: true, letIn: true, outgrown: false });
  });

  it('is told to nobody either by a node whose own policy forbids it the label that it was told', async () => {
    world.at('sjc').policy = withPolicy(zoom2020(), { version: 13, closed: ['sjc'] });
    world.at('hkg').room.decide('letIn', { ...US, evidence: ['eu', 'us'] }, ['hash']);
    world.at('hkg').link.share();
    await settle();
    expect(of('sjc')).toMatchObject({ label: US, outgrown: true });
    expect(of('iad')).toMatchObject({ label: { evidence: ['eu', 'us'] }, outgrown: false });
  });
});

it('twenty-four thousand people, and people by two thousand labels, are told in portions; then what is new alone', async () => {
  world = new World(['sjc', 'iad', 'fra']);
  const { room, link } = world.at('sjc');
  const hashes = (what: string, count: number) =>
    Array.from({ length: count }, (_, n) => `${what}-${n}`.padEnd(43, 'x'));
  room.decide('keptOut', US, hashes('removed', 24_000));
  const labels = Array.from({ length: 2000 }, (_, n) => ({ ...US, regions: ['us', 'eu', `region-${n}`] }));
  for (const [n, label] of labels.entries()) room.decide('letIn', label, [`of-label-${n}`]);
  const updates: unknown[] = [];
  world.network.onSaid = (_from, _to, data) => updates.push(data);
  await world.enter('ann', 'us', 'sjc');
  expect(await world.enter('bob', 'us', 'iad')).toBe('admit');
  expect(await world.enter('eve', 'eu', 'fra')).toBe('admit');
  await settle();
  for (const datacenter of ['iad', 'fra']) expect(world.at(datacenter).room.decisions().size).toBe(26_000);
  for (const update of updates.filter((data) => updateSchema.safeParse(data).success))
    expect(JSON.stringify(update).length).toBeLessThan(512 * 1024);
  updates.length = 0;
  room.decide('keptOut', US, ['one-more']);
  link.share();
  await settle();
  expect(world.at('iad').room.decisions().size).toBe(26_001);
  expect(JSON.stringify(updates).length).toBeLessThan(2000);
});

it('a room with over a thousand labels at one node is one room, and its places are told as few', async () => {
  world = new World(['sjc', 'iad']);
  const { room } = world.at('sjc');
  for (let n = 0; n < 1200; n += 1) {
    const peerId = `p${n}`;
    const label = { ...US, regions: ['us', 'eu', 'hk', `region-${n}`] };
    room.seated.set(peerId, { peerId, label, jti: peerId, moves: true, name: peerId, host: false });
  }
  await world.enter('ann', 'us', 'sjc', { label: { regions: ['us', 'eu'] } });
  await world.enter('bob', 'us', 'iad');
  await settle();
  expect(world.seenAt('iad').length).toBe(1202);
  const [record] = world.registry.records.values();
  expect(record?.hosts.find(({ datacenter }) => datacenter === 'sjc')).toMatchObject({
    homes: [{ home: 'us', count: 1201 }],
    evidence: ['us'],
  });
  expect(record?.regions).toEqual(['us', 'eu']);
});
