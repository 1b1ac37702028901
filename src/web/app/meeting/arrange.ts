import { type Box, gridLayout, type Size, stageLayout, tilesPerPage, WIDE } from './layout.ts';
import { orderTiles } from './tile-order.ts';
import type { TileModel } from './tiles.ts';

export type Place = 'grid' | 'stage' | 'strip' | 'corner';

export interface PlacedTile {
  readonly tile: TileModel;
  readonly box: Box;
  readonly place: Place;
}

export interface Arrangement {
  readonly placed: readonly PlacedTile[];
  /** Tiles that found no room in the strip; pages of the grid are counted apart. */
  readonly overflow: number;
  readonly page: number;
  readonly pages: number;
}

export interface ArrangeOptions {
  readonly container: Size;
  readonly tiles: readonly TileModel[];
  /** The tile that the person wants large; ignored when it is gone. */
  readonly pinned: string | null;
  /** From 0; taken back to the last page when there are fewer. */
  readonly page: number;
}

const GAP = 8;
/** Height of the line that turns pages. */
const PAGER = 46;

/**
 * Where every tile goes: one on a stage with a strip beside it when something is pinned or somebody shares a
 * screen; one other person large with the self-view in a corner; else the grid, on as many pages as it takes.
 */
export function arrange(options: ArrangeOptions): Arrangement {
  const { container, tiles } = options;
  const staged = tiles.find(({ id }) => id === options.pinned) ?? latestScreen(tiles);
  if (staged !== undefined && tiles.length > 1) return onStage(container, tiles, staged);
  const [first, second] = tiles;
  const other = first?.self === true ? second : first;
  const self = first?.self === true ? first : second;
  if (tiles.length === 2 && other !== undefined && self?.self === true)
    return inCorner(container, other, self);
  return inGrid(container, tiles, options.page);
}

/** The screen that began last; one's own only on request, since it would show itself within itself. */
function latestScreen(tiles: readonly TileModel[]): TileModel | undefined {
  return tiles.findLast(({ source, self }) => source === 'screen' && !self);
}

function onStage(container: Size, tiles: readonly TileModel[], staged: TileModel): Arrangement {
  const rest = tiles.filter((tile) => tile !== staged);
  const { stage, strip } = stageLayout(container, rest.length, GAP);
  // Who speaks is always in sight, and so is one's own picture where there is room for two.
  const self = strip.length > 1 ? rest.filter((tile) => tile.self) : [];
  const others = orderTiles(
    rest.filter((tile) => !self.includes(tile)),
    strip.length - self.length,
  );
  const shown = [...others.slice(0, Math.max(0, strip.length - self.length)), ...self];
  const placed: PlacedTile[] = [{ tile: staged, box: stage, place: 'stage' }];
  for (const [index, tile] of shown.entries()) {
    const box = strip[index];
    if (box !== undefined) placed.push({ tile, box, place: 'strip' });
  }
  return { placed, overflow: rest.length - (placed.length - 1), page: 0, pages: 1 };
}

function inCorner(container: Size, other: TileModel, self: TileModel): Arrangement {
  const portrait = container.height > container.width;
  const width = Math.round(
    portrait ? Math.max(96, container.width * 0.28) : clamp(container.width * 0.19, 130, 260),
  );
  const height = Math.round(portrait ? width * (4 / 3) : width / WIDE);
  const inset = portrait ? 10 : 14;
  const corner = { x: container.width - width - inset, y: container.height - height - inset, width, height };
  return {
    placed: [
      { tile: other, box: { x: 0, y: 0, ...container }, place: 'grid' },
      { tile: self, box: corner, place: 'corner' },
    ],
    overflow: 0,
    page: 0,
    pages: 1,
  };
}

function inGrid(container: Size, tiles: readonly TileModel[], wantedPage: number): Arrangement {
  const portrait = container.height > container.width;
  const shape = { gap: GAP, minAspect: portrait ? 3 / 4 : WIDE, maxAspect: WIDE };
  const least = container.width < 640 ? 120 : 190;
  // Pages need a line below the tiles to turn them by.
  const paged = tiles.length > tilesPerPage(container, least, shape);
  const area = paged ? { ...container, height: Math.max(1, container.height - PAGER) } : container;
  const perPage = paged ? tilesPerPage(area, least, shape) : tiles.length;
  const pages = Math.max(1, Math.ceil(tiles.length / Math.max(1, perPage)));
  const page = Math.min(Math.max(0, wantedPage), pages - 1);
  const order = pages === 1 ? tiles : selfFirst(tiles, perPage);
  const shown = order.slice(page * perPage, (page + 1) * perPage);
  const boxes = gridLayout(area, shown.length, shape);
  const placed: PlacedTile[] = [];
  for (const [index, tile] of shown.entries()) {
    const box = boxes[index];
    if (box !== undefined) placed.push({ tile, box, place: 'grid' });
  }
  return { placed, overflow: 0, page, pages };
}

/** Over several pages, one's own picture is on the first one, and so is who spoke lately. */
function selfFirst(tiles: readonly TileModel[], perPage: number): TileModel[] {
  const self = tiles.filter((tile) => tile.self);
  const others = tiles.filter((tile) => !tile.self);
  return [...self, ...orderTiles(others, perPage - self.length)];
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}
