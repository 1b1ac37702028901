/** What the order of tiles depends on. */
export interface Orderable {
  readonly id: string;
  /** When this peer last was the active speaker, on any clock; 0 for never. */
  readonly spokeAt: number;
}

/**
 * The order of tiles when only `room` of them are visible. The given order stands, so tiles do not jump about;
 * only when somebody who spoke recently would be out of sight do they take the place of the visible one who has
 * been silent longest (from the end).
 */
export function orderTiles<T extends Orderable>(tiles: readonly T[], room: number): T[] {
  if (tiles.length <= room || room <= 0) return [...tiles];
  const wanted = new Set(
    [...tiles]
      .map((tile, index) => ({ tile, index }))
      .filter(({ tile }) => tile.spokeAt > 0)
      .sort((a, b) => b.tile.spokeAt - a.tile.spokeAt || a.index - b.index)
      .slice(0, room)
      .map(({ tile }) => tile.id),
  );
  const order = [...tiles];
  for (let from = room; from < order.length; from++) {
    const speaker = order[from];
    if (speaker === undefined || !wanted.has(speaker.id)) continue;
    const to = lastSilent(order, room, wanted);
    const silent = order[to];
    if (silent === undefined) continue;
    order[to] = speaker;
    order[from] = silent;
  }
  return order;
}

/** Index of the visible tile that gives way: the one that spoke longest ago, of those the last. */
function lastSilent<T extends Orderable>(order: readonly T[], room: number, wanted: Set<string>): number {
  let found = -1;
  let least = Number.POSITIVE_INFINITY;
  for (const [index, tile] of order.slice(0, room).entries()) {
    if (wanted.has(tile.id) || tile.spokeAt > least) continue;
    least = tile.spokeAt;
    found = index;
  }
  return found;
}
