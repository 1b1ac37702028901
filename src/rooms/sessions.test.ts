import { expect, it } from 'vitest';
import { noFederation } from '../cluster/federation/federation.ts';
import type { LocalRoom, RemoteNode } from '../cluster/federation/types.ts';
import { nodeKey } from '../policy/node-key.ts';
import { RoomsFixture } from './testing/setup.ts';

// The sessions of one participant over all nodes of a room.

const NODE: RemoteNode = { id: 'node-hkg', datacenter: 'hkg', region: 'hk', link: 'hkg:1' };
const label = { home: 'hk', evidence: ['hk'], regions: null };

it('are counted at other nodes too, seated or waiting, as those say; twice as many as at one', async () => {
  const fixture = new RoomsFixture();
  const { room, peer } = await fixture.join({ sub: 'ada' });
  const state = { who: peer.who, displayName: 'Ada', label };
  for (let n = 0; n < 12; n += 1)
    room.remotes.upsert(NODE, { ...state, peerId: `seated-${n}`, role: 'participant', producers: [] });
  const waiting = ['waits-0', 'waits-1', 'waits-2'].map((peerId) => ({ ...state, peerId }));
  room.remoteWaiting.set(nodeKey(NODE), waiting);
  for (let n = 0; n < 4; n += 1) await fixture.join({ sub: 'ada' });
  await expect(fixture.join({ sub: 'ada' })).rejects.toMatchObject({ code: 'too_many_sessions' });
  await fixture.join({ sub: 'bob' });
  await fixture.join({ sub: 'ada', iss: 'others' });
  room.remotes.gone(NODE, 'seated-0', 'left');
  await fixture.join({ sub: 'ada' });
});

it('are told of by a hash that says no name, of those alone whom their issuer names', async () => {
  let told: LocalRoom | undefined;
  const alone = noFederation();
  const fixture = new RoomsFixture(
    { waitingRoom: true },
    {
      open: (room) => {
        told = room;
        return alone.open(room);
      },
    },
  );
  const { peer } = await fixture.host({ sub: 'ada' });
  const waits = await fixture.join({ sub: 'bob' });
  await fixture.join({ jti: 'shared' });
  expect(told?.members().map(({ who }) => who)).toEqual([peer.who]);
  expect(told?.waiting().map(({ who }) => who)).toEqual([waits.peer.who, undefined]);
  expect(peer.who).toMatch(/^[\w-]{43}$/);
});
