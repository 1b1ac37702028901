import { describe, expect, it } from 'vitest';
import { arrange } from './arrange.ts';
import { consumerOf, peer, roomOf } from './testing/room.ts';
import { type TileModel, tilesOf } from './tiles.ts';

const wide = { width: 1280, height: 640 };
const telephone = { width: 390, height: 700 };
const local = { microphone: true, camera: true, screen: false, speaking: false, reconnecting: false };

function people(
  count: number,
  options: { sharing?: string; spokeAt?: ReadonlyMap<string, number> } = {},
): TileModel[] {
  const peers = Array.from({ length: count }, (_, index) => {
    const id = `p${index}`;
    return peer(id, id === options.sharing ? ['camera', 'screen'] : ['camera']);
  });
  const consumers = new Map(peers.map(({ peerId }) => [`c-${peerId}-camera`, consumerOf(peerId, 'camera')]));
  return tilesOf(roomOf(peers, { consumers }), { ...local, spokeAt: options.spokeAt ?? new Map() });
}
const placesOf = (tiles: readonly TileModel[], pinned: string | null = null, container = wide) =>
  arrange({ container, tiles, pinned, page: 0 }).placed.map(({ tile, place }) => `${tile.id}:${place}`);

describe('arrange', () => {
  it('shows one person alone in the grid', () => {
    expect(placesOf(people(0))).toEqual(['self/camera:grid']);
  });
  it('shows one other large, and oneself in a corner within it', () => {
    for (const container of [wide, telephone]) {
      const { placed } = arrange({ container, tiles: people(1), pinned: null, page: 0 });
      const [other, self] = placed;
      expect(other).toMatchObject({ place: 'grid', box: { x: 0, y: 0, ...container } });
      expect(self?.place).toBe('corner');
      expect((self?.box.x ?? 0) + (self?.box.width ?? 0)).toBeLessThan(container.width);
      expect((self?.box.y ?? 0) + (self?.box.height ?? 0)).toBeLessThan(container.height);
    }
  });
  it('shows three and more in a grid with oneself among them', () => {
    expect(placesOf(people(3))).toEqual([
      'p0/camera:grid',
      'p1/camera:grid',
      'p2/camera:grid',
      'self/camera:grid',
    ]);
  });
  it('puts a shared screen on the stage, and the people beside it', () => {
    const places = placesOf(people(2, { sharing: 'p1' }));
    expect(places[0]).toBe('p1/screen:stage');
    expect(places.slice(1)).toEqual(['p0/camera:strip', 'p1/camera:strip', 'self/camera:strip']);
  });
  it('prefers what is pinned, and forgets a pin on who has gone', () => {
    const tiles = people(2, { sharing: 'p1' });
    expect(placesOf(tiles, 'p0/camera')[0]).toBe('p0/camera:stage');
    expect(placesOf(tiles, 'gone/camera')[0]).toBe('p1/screen:stage');
  });
  it('keeps speakers and oneself in a strip that has no room for all', () => {
    const tiles = people(20, { sharing: 'p0', spokeAt: new Map([['p17', 5]]) });
    const { placed, overflow } = arrange({ container: wide, tiles, pinned: null, page: 0 });
    const ids = placed.map(({ tile }) => tile.id);
    expect(ids).toContain('p17/camera');
    expect(ids).toContain('self/camera');
    expect(placed.length + overflow).toBe(tiles.length);
  });
  it('spreads many over pages, all of them once, oneself on the first', () => {
    const tiles = people(120);
    const seen: string[] = [];
    const { pages } = arrange({ container: telephone, tiles, pinned: null, page: 0 });
    expect(pages).toBeGreaterThan(1);
    for (let page = 0; page < pages; page++) {
      const { placed } = arrange({ container: telephone, tiles, pinned: null, page });
      if (page === 0) expect(placed.map(({ tile }) => tile.id)).toContain('self/camera');
      seen.push(...placed.map(({ tile }) => tile.id));
    }
    expect(seen.toSorted()).toEqual(tiles.map(({ id }) => id).toSorted());
  });
  it('goes back to the last page when people leave', () => {
    expect(arrange({ container: wide, tiles: people(3), pinned: null, page: 7 }).page).toBe(0);
  });
});
