import { describe, expect, it } from 'vitest';
import { roomIdSchema } from '../../../protocol/token.ts';
import { proposeRoom, roomFromInput } from './room-name.ts';

describe('proposeRoom', () => {
  it('is a valid room, and another one each time', () => {
    const names = new Set(Array.from({ length: 50 }, () => proposeRoom()));
    for (const name of names) expect(roomIdSchema.safeParse(name).success).toBe(true);
    expect(names.size).toBeGreaterThan(45);
  });
});

describe('roomFromInput', () => {
  it.each([
    ['standup', 'standup'],
    ['  Daily stand up ', 'Daily-stand-up'],
    ['team_1.0', 'team_1.0'],
  ])('%j is room %j', (text, room) => {
    expect(roomFromInput(text)).toEqual({ ok: true, room });
  });
  it.each(['', '   ', '-x', 'a/b', 'é', 'x'.repeat(129)])('%j is turned away with advice', (text) => {
    const result = roomFromInput(text);
    expect(result.ok).toBe(false);
    if (!result.ok) expect(result.advice).not.toBe('');
  });
});
