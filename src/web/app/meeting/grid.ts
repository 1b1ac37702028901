import { iconButton } from '../ui/button.ts';
import { el, setText } from '../ui/dom.ts';
import { arrange, type PlacedTile } from './arrange.ts';
import { createTileView, type TileActions, type TileView } from './tile-view.ts';
import type { TileModel } from './tiles.ts';

export interface GridState {
  readonly tiles: readonly TileModel[];
  readonly host: boolean;
  /** The track of a tile, own or remote. */
  readonly trackOf: (tile: TileModel) => MediaStreamTrack | null;
}

export interface Grid {
  readonly element: HTMLElement;
  update(state: GridState): void;
  close(): void;
}

export interface GridOptions {
  readonly actions: Omit<TileActions, 'onPin'>;
  /** Told after each layout which tiles are in sight, and how large. */
  readonly onPlaced: (placed: readonly PlacedTile[]) => void;
}

/** The pictures: lays tiles out whenever people or the window change, and reuses each tile's element. */
export function createGrid(options: GridOptions): Grid {
  const views = new Map<string, TileView>();
  let state: GridState | undefined;
  let pinned: string | null = null;
  let page = 0;

  const turn = (by: number) => {
    page += by;
    layout();
  };
  const previous = iconButton({
    icon: 'previous',
    label: 'Previous page',
    testid: 'page-previous',
    onClick: () => turn(-1),
  });
  const next = iconButton({ icon: 'next', label: 'Next page', testid: 'page-next', onClick: () => turn(1) });
  const pageText = el('span', { testid: 'page', attrs: { 'aria-live': 'polite' } });
  const pager = el(
    'nav',
    { class: 'pager', attrs: { 'aria-label': 'Pages of people', hidden: true } },
    previous.element,
    pageText,
    next.element,
  );
  const more = el('div', { class: 'overflow', testid: 'overflow', attrs: { hidden: true } });
  const area = el('div', { class: 'tiles' });
  const element = el(
    'section',
    { class: 'grid', testid: 'grid', attrs: { 'aria-label': 'People' } },
    area,
    pager,
    more,
  );

  const onPin = (id: string) => {
    pinned = pinned === id ? null : id;
    layout();
  };
  const viewOf = (tile: TileModel): TileView => {
    const known = views.get(tile.id);
    if (known !== undefined) return known;
    const view = createTileView(tile, { ...options.actions, onPin });
    views.set(tile.id, view);
    area.append(view.element);
    return view;
  };

  const layout = () => {
    if (state === undefined) return;
    const container = { width: area.clientWidth, height: area.clientHeight };
    if (container.width === 0 || container.height === 0) return;
    const result = arrange({ container, tiles: state.tiles, pinned, page });
    page = result.page;
    const shown = new Set(result.placed.map(({ tile }) => tile.id));
    const known = new Set(state.tiles.map(({ id }) => id));
    if (pinned !== null && !known.has(pinned)) pinned = null;
    for (const [id, view] of views) {
      if (shown.has(id)) continue;
      view.close();
      views.delete(id);
    }
    for (const { tile, box, place } of result.placed) {
      viewOf(tile).update({
        tile,
        box,
        place,
        pinned: tile.id === pinned,
        pinnable: state.tiles.length > 1,
        track: state.trackOf(tile),
        host: state.host,
      });
    }
    pager.hidden = result.pages < 2;
    setText(pageText, `${result.page + 1} of ${result.pages}`);
    previous.update({ disabled: result.page === 0 });
    next.update({ disabled: result.page === result.pages - 1 });
    more.hidden = result.overflow <= 0;
    setText(more, `+${result.overflow} more`);
    const stage = result.placed.find(({ place }) => place === 'stage')?.box;
    if (stage !== undefined) {
      // In the stage's lower right corner, where it covers nobody.
      more.style.transform = `translate(calc(${area.offsetLeft + stage.x + stage.width}px - 100% - 10px), calc(${
        area.offsetTop + stage.y + stage.height
      }px - 100% - 10px))`;
    }
    element.dataset.tiles = String(result.placed.length);
    options.onPlaced(result.placed);
  };

  // While the window is dragged, tiles follow at once instead of gliding behind it.
  let settling: number | undefined;
  const observer = new ResizeObserver(() => {
    area.classList.add('resizing');
    window.clearTimeout(settling);
    settling = window.setTimeout(() => area.classList.remove('resizing'), 150);
    layout();
  });
  observer.observe(area);

  return {
    element,
    update(next) {
      state = next;
      layout();
    },
    close() {
      observer.disconnect();
      window.clearTimeout(settling);
      for (const view of views.values()) view.close();
      views.clear();
    },
  };
}
