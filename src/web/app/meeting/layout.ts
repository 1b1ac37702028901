/** Lengths are CSS pixels; positions are relative to the container's top left corner. */
export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Box extends Size {
  readonly x: number;
  readonly y: number;
}

export interface GridOptions {
  readonly gap: number;
  /** Narrowest and widest shape a tile may take (width / height); video is cropped to it. */
  readonly minAspect: number;
  readonly maxAspect: number;
}

export const WIDE = 16 / 9;
/** No page holds more tiles than this, however large the window. */
const MAX_PER_PAGE = 49;

/**
 * Boxes for `count` equal tiles that fill the container best: every number of columns is tried, and the one with
 * the largest tiles wins. The last row is centred.
 */
export function gridLayout(container: Size, count: number, options: GridOptions): Box[] {
  if (count <= 0) return [];
  let best = { columns: 1, width: 0, height: 0 };
  for (let columns = 1; columns <= count; columns++) {
    const tile = tileSize(container, columns, Math.ceil(count / columns), options);
    // On a tie the one with fewer holes in the last row.
    const better = tile.width * tile.height > best.width * best.height * 1.0001;
    if (better) best = { columns, ...tile };
  }
  return place(container, count, best.columns, best, options.gap);
}

/** How many tiles of at least `minWidth` fit on one page; at least one. */
export function tilesPerPage(container: Size, minWidth: number, options: GridOptions): number {
  for (let count = MAX_PER_PAGE; count > 1; count--) {
    const first = gridLayout(container, count, options)[0];
    if (first !== undefined && first.width >= minWidth) return count;
  }
  return 1;
}

export interface StageLayout {
  readonly stage: Box;
  /** One box for each tile of the strip that fits; the rest are not shown. */
  readonly strip: Box[];
}

/** One large tile (a shared screen, or what is pinned) beside or above a strip of small ones. */
export function stageLayout(container: Size, stripCount: number, gap: number): StageLayout {
  const { width, height } = container;
  if (stripCount === 0) return { stage: { x: 0, y: 0, width, height }, strip: [] };
  if (width >= height) {
    const stripWidth = Math.round(Math.min(260, Math.max(110, width * 0.19)));
    const tile = { width: stripWidth, height: stripWidth / WIDE };
    const fits = Math.max(1, Math.floor((height + gap) / (tile.height + gap)));
    const shown = Math.min(stripCount, fits);
    const used = shown * tile.height + (shown - 1) * gap;
    const x = width - stripWidth;
    const strip = Array.from({ length: shown }, (_, index) => ({
      x,
      y: Math.max(0, (height - used) / 2) + index * (tile.height + gap),
      ...tile,
    }));
    return { stage: { x: 0, y: 0, width: width - stripWidth - gap, height }, strip };
  }
  const perRow = Math.min(stripCount, Math.max(2, Math.floor(width / 150)));
  const tileWidth = Math.min(220, (width - gap * (perRow - 1)) / Math.max(2, perRow));
  const tile = { width: tileWidth, height: tileWidth / WIDE };
  const rows = Math.min(
    Math.ceil(stripCount / perRow),
    Math.max(1, Math.floor((height * 0.45) / (tile.height + gap))),
  );
  const shown = Math.min(stripCount, rows * perRow);
  const stripHeight = rows * tile.height + (rows - 1) * gap;
  const area = { width, height: stripHeight };
  const top = height - stripHeight;
  const strip = place(area, shown, perRow, tile, gap).map((box) => ({ ...box, y: box.y + top }));
  return { stage: { x: 0, y: 0, width, height: top - gap }, strip };
}

function tileSize(container: Size, columns: number, rows: number, options: GridOptions): Size {
  const width = Math.max(0, (container.width - options.gap * (columns - 1)) / columns);
  const height = Math.max(0, (container.height - options.gap * (rows - 1)) / rows);
  if (width > height * options.maxAspect) return { width: height * options.maxAspect, height };
  if (width < height * options.minAspect) return { width, height: width / options.minAspect };
  return { width, height };
}

function place(container: Size, count: number, columns: number, tile: Size, gap: number): Box[] {
  const rows = Math.ceil(count / columns);
  const top = (container.height - rows * tile.height - (rows - 1) * gap) / 2;
  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / columns);
    const inRow = row === rows - 1 ? count - row * columns : columns;
    const left = (container.width - inRow * tile.width - (inRow - 1) * gap) / 2;
    return {
      x: left + (index - row * columns) * (tile.width + gap),
      y: top + row * (tile.height + gap),
      width: tile.width,
      height: tile.height,
    };
  });
}
