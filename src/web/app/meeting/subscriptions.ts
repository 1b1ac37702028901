import type { PlacedTile } from './arrange.ts';
import { type Size, WIDE } from './layout.ts';

/** What the page wants of one video consumer. */
export interface Wanted {
  readonly paused: boolean;
  /** Highest layer that is of use at this size; null leaves it as it is. */
  readonly spatialLayer: number | null;
  /** 1 to 255; more keeps its bandwidth longer. */
  readonly priority: number;
}

export interface ConsumerRef {
  readonly consumerId: string;
  readonly source: string;
}

const PRIORITY = { stage: 200, grid: 100, corner: 100, strip: 60 } as const;
const SCREEN_PRIORITY = 220;

/**
 * The layer whose picture is at least about as large as the tile: 0 is a quarter of the camera's size (320 px of
 * 1280), 1 half, 2 full. A little blur is not seen, so a layer serves up to 1.25 times its width. A tile is
 * filled, so a narrow one counts by its height.
 *
 * @param tile in CSS pixels
 */
export function layerFor(tile: Size, pixelRatio: number): number {
  const width = Math.max(tile.width, tile.height * WIDE);
  const pixels = width * Math.min(2, Math.max(1, pixelRatio));
  if (pixels <= 400) return 0;
  if (pixels <= 800) return 1;
  return 2;
}

/**
 * What to ask of every video consumer for the tiles in sight: what is not shown is paused, so that it costs
 * nobody bandwidth, and what is small gets a small layer, so that publishers can stop sending large ones.
 */
export function wantedConsumers(
  consumers: Iterable<ConsumerRef>,
  placed: readonly PlacedTile[],
  pixelRatio: number,
  pageVisible: boolean,
): Map<string, Wanted> {
  const shown = new Map<string, PlacedTile>();
  for (const entry of placed) {
    if (entry.tile.consumerId !== null) shown.set(entry.tile.consumerId, entry);
  }
  const wanted = new Map<string, Wanted>();
  for (const { consumerId, source } of consumers) {
    const entry = pageVisible ? shown.get(consumerId) : undefined;
    if (entry === undefined) wanted.set(consumerId, { paused: true, spatialLayer: null, priority: 1 });
    else {
      wanted.set(consumerId, {
        paused: false,
        // A screen is sent in one size: text that was scaled down cannot be read.
        spatialLayer: source === 'screen' ? null : layerFor(entry.box, pixelRatio),
        priority: source === 'screen' && entry.place === 'stage' ? SCREEN_PRIORITY : PRIORITY[entry.place],
      });
    }
  }
  return wanted;
}

/** The requests that bring what is in force to what is wanted. */
export interface Changes {
  readonly pause: readonly string[];
  readonly resume: readonly string[];
  readonly layers: readonly { readonly consumerId: string; readonly spatialLayer: number }[];
  readonly priorities: readonly { readonly consumerId: string; readonly priority: number }[];
}

/** `inForce` holds what was asked before; a consumer that is not in it is new, and flows without a wish. */
export function changesOf(
  wanted: ReadonlyMap<string, Wanted>,
  inForce: ReadonlyMap<string, Wanted>,
): Changes {
  const pause: string[] = [];
  const resume: string[] = [];
  const layers: { consumerId: string; spatialLayer: number }[] = [];
  const priorities: { consumerId: string; priority: number }[] = [];
  for (const [consumerId, want] of wanted) {
    const had = inForce.get(consumerId);
    if (want.paused) {
      if (had?.paused !== true) pause.push(consumerId);
      continue;
    }
    if (had?.paused === true) resume.push(consumerId);
    if (want.spatialLayer !== null && want.spatialLayer !== had?.spatialLayer) {
      layers.push({ consumerId, spatialLayer: want.spatialLayer });
    }
    if (want.priority !== had?.priority) priorities.push({ consumerId, priority: want.priority });
  }
  return { pause, resume, layers, priorities };
}
