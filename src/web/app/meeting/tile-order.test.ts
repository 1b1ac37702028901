import { describe, expect, it } from 'vitest';
import { orderTiles } from './tile-order.ts';

const tiles = (spokeAt: Record<string, number>) =>
  'abcdef'.split('').map((id) => ({ id, spokeAt: spokeAt[id] ?? 0 }));
const order = (spokeAt: Record<string, number>, room: number) =>
  orderTiles(tiles(spokeAt), room)
    .map((tile) => tile.id)
    .join('');

describe('orderTiles', () => {
  it('leaves the order alone while all are visible', () => {
    expect(order({ f: 9 }, 6)).toBe('abcdef');
  });
  it('leaves the order alone while every speaker is visible', () => {
    expect(order({ a: 1, c: 5 }, 3)).toBe('abcdef');
  });
  it('brings a hidden speaker in, for the last of those who never spoke', () => {
    expect(order({ e: 5 }, 3)).toBe('abedcf');
  });
  it('replaces the one who spoke longest ago', () => {
    expect(order({ a: 4, b: 1, c: 3, f: 9 }, 3)).toBe('afcdeb');
  });
  it('brings in several', () => {
    expect(order({ e: 5, f: 6 }, 3)).toBe('afedcb');
  });
  it('survives a page without room', () => {
    expect(order({ e: 5 }, 0)).toBe('abcdef');
  });
});
