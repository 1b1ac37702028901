import { describe, expect, it } from 'vitest';
import type { Redirect } from '../../protocol/events.ts';
import { withPolicy, zoom2020 } from '../testing/door.ts';
import { ownClock, pass, settle } from './testing/clock.ts';
import { World } from './testing/world.ts';

let world: World;
ownClock(() => world.close());

describe('a move under way', () => {
  const namesOf = (redirect: Redirect | null | undefined): string[] =>
    [...(redirect?.list.primaries ?? []), ...(redirect?.list.secondaries ?? [])].map(
      ({ datacenter }) => datacenter,
    );
  const closing = (datacenter: string) => withPolicy(zoom2020(), { version: 13, closed: [datacenter] });

  it.each(['liveness', 'redirect'] as const)(
    'outlives the brake that is pulled during its %s',
    async (at) => {
      world = new World(['sjc', 'sha']);
      await world.enter('chen', 'cn', 'sha');
      let pulled = false;
      world.meanwhile = (datacenter, step) => {
        if (datacenter !== 'sha' || step !== at || pulled) return;
        pulled = true;
        world.at('sha').policy = closing('hkg');
      };
      expect(await world.enter('ann', 'us', 'sjc')).toBe('admit');
      await pass(2000);
      expect(pulled).toBe(true);
      expect(namesOf(world.at('sha').room.moved.get('chen'))).toEqual(['sjc']);
    },
  );

  it('tells nobody of a list that was signed under the policy before', async () => {
    world = new World(['sjc', 'sha']);
    await world.enter('chen', 'cn', 'sha');
    const { room } = world.at('sha');
    const lists: string[][] = [];
    room.relocate = (_peerId, redirect) => lists.push(namesOf(redirect));
    let signed = 0;
    world.meanwhile = (datacenter, step) => {
      if (datacenter !== 'sha' || step !== 'redirect') return;
      // Once it is signed, and before whoever asked for it goes on.
      if (++signed === 1) queueMicrotask(() => Object.assign(world.at('sha'), { policy: closing('hkg') }));
    };
    expect(await world.enter('ann', 'us', 'sjc')).toBe('admit');
    await pass(2000);
    expect({ signed, lists }).toEqual({ signed: 2, lists: [['sjc']] });
  });

  it('of one who cannot be told where to go keeps nobody else, and ends', async () => {
    world = new World(['sjc', 'sha']);
    await world.enter('chen', 'cn', 'sha');
    await world.enter('dao', 'cn', 'sha');
    world.meanwhile = (_datacenter, step, peerId) => {
      if (step === 'redirect' && peerId === 'chen') throw new Error('it cannot be signed');
    };
    expect(await world.enter('ann', 'us', 'sjc')).toBe('admit');
    await settle();
    const { moved } = world.at('sha').room;
    expect([...moved.keys()]).toEqual(['dao']);
    await pass(10_000);
    expect(moved.get('chen')).toBe(null);
  });

  it('gives one who is found late as many tries as those before', async () => {
    world = new World(['sjc', 'sha']);
    await world.enter('chen', 'cn', 'sha');
    await world.enter('dao', 'cn', 'sha');
    const { room } = world.at('sha');
    const dao = room.seated.get('dao');
    if (dao === undefined) throw new Error('dao is not seated');
    // Dao is still being seated when the room is pulled apart, with nowhere to go for a while.
    room.seated.delete('dao');
    room.entering.set('dao', dao);
    world.meanwhile = (datacenter) => {
      if (datacenter === 'sha') world.down.add('hkg').add('sjc');
    };
    expect(await world.enter('ann', 'us', 'sjc')).toBe('admit');
    await pass(6000);
    room.entering.delete('dao');
    room.seated.set('dao', dao);
    world.at('sha').link.memberChanged('dao');
    await pass(4000);
    expect([...room.moved.entries()]).toEqual([['chen', null]]);
    world.meanwhile = () => {};
    world.down.clear();
    await pass(2000);
    expect(namesOf(room.moved.get('dao')).sort()).toEqual(['hkg', 'sjc']);
  });
});
