import { describe, expect, it } from 'vitest';
import { announcementsOf } from './announcements.ts';
import { peer, roomOf } from './testing/room.ts';

const texts = (...states: Parameters<typeof announcementsOf>) =>
  announcementsOf(...states).map(({ text }) => text);
const room = { roomId: 'stand-up', locked: false, endsAt: null, lastN: null };

describe('announcementsOf', () => {
  it('is silent when nothing happened', () => {
    const state = roomOf([peer('ann')]);
    expect(texts(state, state)).toEqual([]);
  });
  it('names who came and who left', () => {
    expect(texts(roomOf([peer('ann')]), roomOf([peer('bob')]))).toEqual(['BOB joined', 'ANN left']);
  });
  it('counts many at once', () => {
    expect(texts(roomOf([]), roomOf(['a', 'b', 'c', 'd'].map((id) => peer(id))))).toEqual([
      '4 people joined',
    ]);
  });
  it('tells of a screen when it begins, also with its person, and not again', () => {
    const before = roomOf([peer('ann', ['camera'])]);
    const after = roomOf([peer('ann', ['camera', 'screen'])]);
    expect(texts(before, after)).toEqual(['ANN shares their screen']);
    expect(texts(after, after)).toEqual([]);
  });
  it('tells of the lock, both ways', () => {
    const locked = roomOf([], { room: { ...room, locked: true } });
    expect(texts(roomOf([]), locked)).toHaveLength(1);
    expect(texts(locked, roomOf([]))).toEqual(['The meeting is open again']);
  });
  it('offers to admit who waits', () => {
    const waiting = roomOf([], { waiting: new Map([['w1', 'Wanda']]) });
    expect(announcementsOf(roomOf([]), waiting)).toMatchObject([
      { admit: 'w1', text: 'Wanda waits to be let in' },
    ]);
  });
});
