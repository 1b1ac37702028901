import { describe, expect, it } from 'vitest';
import { hueOf, initialsOf } from './avatar.ts';

describe('initialsOf', () => {
  it.each([
    ['Ada Lovelace', 'AL'],
    ['ada', 'A'],
    ['  Grace  Brewster Murray Hopper ', 'GH'],
    ['王 小明', '王小'],
    ['😀 smile', '😀S'],
    ['', '?'],
  ])('%j is %j', (name, initials) => {
    expect(initialsOf(name)).toBe(initials);
  });
});

describe('hueOf', () => {
  it('is the same for the same peer, and of the palette', () => {
    for (const id of ['', 'a', 'peer-1', '王']) {
      expect(hueOf(id)).toBe(hueOf(id));
      expect(hueOf(id)).toBeGreaterThanOrEqual(0);
      expect(hueOf(id)).toBeLessThan(12);
    }
  });
});
