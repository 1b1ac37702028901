import { describe, expect, it } from 'vitest';
import type { ConsumerView, RoomState } from '../../../client/room-state.ts';
import { consumerOf, peer, roomOf } from './testing/room.ts';
import { type LocalView, tilesOf } from './tiles.ts';

const local: LocalView = {
  microphone: true,
  camera: true,
  screen: false,
  speaking: false,
  spokeAt: new Map(),
  reconnecting: false,
};
const consumers = (...all: ConsumerView[]): Partial<RoomState> => ({
  consumers: new Map(all.map((consumer) => [consumer.consumerId, consumer])),
});
const tile = (state: RoomState, id: string, view: LocalView = local) =>
  tilesOf(state, view).find((candidate) => candidate.id === id);

describe('tilesOf', () => {
  it('has others in order of joining, each screen before its person, and oneself at the end', () => {
    const room = roomOf([peer('ann', ['camera', 'screen']), peer('bob')]);
    const ids = tilesOf(room, { ...local, screen: true }).map(({ id }) => id);
    expect(ids).toEqual(['ann/screen', 'ann/camera', 'bob/camera', 'self/camera', 'self/screen']);
  });

  it.each([
    { case: 'no camera', sources: [], consumer: null, dark: 'off' },
    { case: 'not consumed yet', sources: ['camera'], consumer: null, dark: 'starting' },
    { case: 'flowing', sources: ['camera'], consumer: consumerOf('ann', 'camera'), dark: null },
    {
      case: 'paused by us',
      sources: ['camera'],
      consumer: consumerOf('ann', 'camera', 'subscriber'),
      dark: null,
    },
    {
      case: 'beyond last-N',
      sources: ['camera'],
      consumer: consumerOf('ann', 'camera', 'lastN'),
      dark: 'lastN',
    },
    {
      case: 'paused by its publisher',
      sources: ['camera'],
      consumer: consumerOf('ann', 'camera', 'publisher'),
      dark: 'off',
    },
  ] as const)('camera of somebody else, $case: $dark', ({ sources, consumer, dark }) => {
    const room = roomOf([peer('ann', sources)], consumer === null ? {} : consumers(consumer));
    expect(tile(room, 'ann/camera')?.dark).toBe(dark);
  });

  it('says muted for a paused microphone and for none, and never speaking then', () => {
    const volumes = new Map([
      ['ann', -20],
      ['bob', -20],
      ['cleo', -90],
    ]);
    const room = roomOf(
      [
        peer('ann', ['microphone']),
        peer('bob', ['microphone'], ['microphone']),
        peer('cleo', ['microphone']),
      ],
      { volumes, dominant: 'ann' },
    );
    expect(tile(room, 'ann/camera')).toMatchObject({ muted: false, speaking: true, dominant: true });
    expect(tile(room, 'bob/camera')).toMatchObject({ muted: true, speaking: false, dominant: false });
    expect(tile(room, 'cleo/camera')).toMatchObject({ muted: false, speaking: false });
  });

  it('shows own media as the own devices are', () => {
    expect(tile(roomOf([]), 'self/camera')).toMatchObject({ self: true, muted: false, dark: null });
    const off = tile(roomOf([]), 'self/camera', {
      ...local,
      camera: false,
      microphone: false,
      speaking: true,
    });
    expect(off).toMatchObject({ muted: true, speaking: false, dark: 'off' });
  });
});
