import { describe, expect, test } from 'vitest';
import type { ConsumerInfo, PeerInfo, ProducerInfo } from '../protocol/state.ts';
import { Notifications } from './notifications.ts';
import { followRoom, type RoomState, stateOfJoined } from './room-state.ts';
import { joinedOf } from './testing/scripted-room.ts';

const producer = (producerId: string, paused = false): ProducerInfo => ({
  producerId,
  kind: 'audio',
  source: 'microphone',
  paused,
});
const peer = (peerId: string, producers: ProducerInfo[] = []): PeerInfo => ({
  peerId,
  displayName: peerId,
  role: 'participant',
  datacenter: 'fra',
  region: 'eu',
  producers,
});
const consumer = (consumerId: string, peerId: string): ConsumerInfo => ({
  consumerId,
  producerId: `of-${consumerId}`,
  peerId,
  kind: 'video',
  source: 'camera',
  type: 'simulcast',
  rtpParameters: { codecs: [{ mimeType: 'video/VP8', payloadType: 96, clockRate: 90_000 }] },
  producerPaused: false,
});

/** The state after these events, in order. */
function stateAfter(
  ...events: [event: Parameters<Notifications['dispatch']>[0], data: unknown][]
): RoomState {
  let state = stateOfJoined(joinedOf({ peers: [peer('ada', [producer('p1')])] }));
  const notifications = new Notifications();
  followRoom(
    notifications,
    () => state,
    (next) => {
      state = next;
    },
  );
  for (const [event, data] of events) notifications.dispatch(event, data);
  return state;
}

describe('the state of a room', () => {
  test('keeps peers and their producers', () => {
    const state = stateAfter(
      ['peerJoined', { peer: peer('bea') }],
      ['producerAdded', { peerId: 'bea', producer: producer('p2') }],
      ['producerUpdated', { peerId: 'ada', producer: producer('p1', true) }],
      ['producerAdded', { peerId: 'bea', producer: producer('p3') }],
      ['producerRemoved', { peerId: 'bea', producerId: 'p2' }],
    );
    expect([...state.peers.keys()]).toEqual(['ada', 'bea']);
    expect(state.peers.get('ada')?.producers[0]?.paused).toBe(true);
    expect(state.peers.get('bea')?.producers.map(({ producerId }) => producerId)).toEqual(['p3']);
  });

  test('forgets what belonged to a peer that left', () => {
    const state = stateAfter(
      ['consumersCreated', { consumers: [consumer('c1', 'ada')] }],
      ['speakers', { dominant: 'ada', volumes: [{ peerId: 'ada', volume: -20 }] }],
      ['peerLeft', { peerId: 'ada', reason: 'lost' }],
    );
    expect(state.peers.size + state.consumers.size + state.volumes.size).toBe(0);
    expect(state.dominant).toBeNull();
  });

  test('knows why a consumer rests, and which layers flow', () => {
    const created: [event: 'consumersCreated', data: unknown] = [
      'consumersCreated',
      { consumers: [consumer('c1', 'ada')] },
    ];
    const paused = stateAfter(created, ['consumerPaused', { consumerId: 'c1', by: 'lastN' }]);
    expect(paused.consumers.get('c1')?.pausedBy).toBe('lastN');
    const flowing = stateAfter(
      created,
      ['consumerPaused', { consumerId: 'c1', by: 'host' }],
      ['consumerResumed', { consumerId: 'c1' }],
      ['consumerLayers', { consumerId: 'c1', spatialLayer: 2, temporalLayer: 1 }],
    );
    expect(flowing.consumers.get('c1')).toMatchObject({
      pausedBy: null,
      layers: { spatial: 2, temporal: 1 },
    });
    expect(stateAfter(created, ['mediaReset', { reason: 'moved' }]).consumers.size).toBe(0);
  });

  test('keeps who waits, the room and the chat, each line once', () => {
    const line = { messageId: 'm1', peerId: 'ada', displayName: 'Ada', text: 'Hi', at: 1 };
    const state = stateAfter(
      ['peerWaiting', { peerId: 'cid', displayName: 'Cid' }],
      ['peerWaiting', { peerId: 'dan', displayName: 'Dan' }],
      ['peerWaitingGone', { peerId: 'cid' }],
      ['roomUpdated', { room: { roomId: 'garden', locked: true, endsAt: null, lastN: 4 } }],
      ['chat', line],
      ['chat', line],
    );
    expect([...state.waiting]).toEqual([['dan', 'Dan']]);
    expect(state.room).toMatchObject({ locked: true, lastN: 4 });
    expect(state.chat).toEqual([line]);
  });

  test('is not changed by what is unknown or malformed', () => {
    const before = stateAfter();
    const events: Parameters<typeof stateAfter> = [
      ['producerAdded', { peerId: 'nobody', producer: producer('p9') }],
      ['consumerPaused', { consumerId: 'none', by: 'host' }],
      ['peerLeft', { peerId: 'nobody', reason: 'left' }],
      ['peerJoined', { peer: { peerId: 7 } }],
    ];
    expect(stateAfter(...events)).toEqual(before);
  });
});
