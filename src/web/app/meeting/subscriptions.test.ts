import { describe, expect, it } from 'vitest';
import type { PlacedTile } from './arrange.ts';
import { changesOf, layerFor, wantedConsumers } from './subscriptions.ts';
import { consumerOf, peer, roomOf } from './testing/room.ts';
import { tilesOf } from './tiles.ts';

const consumers = [consumerOf('ann', 'camera'), consumerOf('bob', 'camera'), consumerOf('bob', 'screen')];
const room = roomOf([peer('ann', ['camera']), peer('bob', ['camera', 'screen'])], {
  consumers: new Map(consumers.map((consumer) => [consumer.consumerId, consumer])),
});
const tiles = tilesOf(room, {
  microphone: true,
  camera: true,
  screen: false,
  speaking: false,
  spokeAt: new Map(),
  reconnecting: false,
});

function placed(id: string, width: number, place: PlacedTile['place'] = 'grid'): PlacedTile {
  const tile = tiles.find((candidate) => candidate.id === id);
  if (tile === undefined) throw new Error(`no tile ${id}`);
  return { tile, place, box: { x: 0, y: 0, width, height: (width * 9) / 16 } };
}

describe('layerFor', () => {
  it.each([
    { width: 240, height: 135, ratio: 1, layer: 0 },
    { width: 400, height: 225, ratio: 1, layer: 0 },
    { width: 240, height: 135, ratio: 2, layer: 1 },
    { width: 640, height: 360, ratio: 1, layer: 1 },
    { width: 1280, height: 720, ratio: 1, layer: 2 },
    { width: 390, height: 700, ratio: 1, layer: 2 },
    { width: 300, height: 169, ratio: 4, layer: 1 },
  ])('$width × $height at $ratio: layer $layer', ({ width, height, ratio, layer }) => {
    expect(layerFor({ width, height }, ratio)).toBe(layer);
  });
});

describe('wantedConsumers', () => {
  it('pauses what is not in sight, and gives what is a layer by its size', () => {
    const wanted = wantedConsumers(consumers, [placed('ann/camera', 300)], 1, true);
    expect(wanted.get('c-ann-camera')).toMatchObject({ paused: false, spatialLayer: 0 });
    expect(wanted.get('c-bob-camera')?.paused).toBe(true);
    expect(wanted.get('c-bob-screen')?.paused).toBe(true);
  });
  it('leaves the layers of a screen alone, and gives it the most bandwidth', () => {
    const all = [placed('bob/screen', 1000, 'stage'), placed('bob/camera', 200, 'strip')];
    const wanted = wantedConsumers(consumers, all, 1, true);
    const screen = wanted.get('c-bob-screen');
    expect(screen).toMatchObject({ paused: false, spatialLayer: null });
    expect(screen?.priority).toBeGreaterThan(wanted.get('c-bob-camera')?.priority ?? 0);
  });
  it('pauses everything while the window is out of sight', () => {
    const wanted = wantedConsumers(consumers, [placed('ann/camera', 300)], 1, false);
    expect([...wanted.values()].every(({ paused }) => paused)).toBe(true);
  });
});

describe('changesOf', () => {
  const shown = { paused: false, spatialLayer: 1, priority: 100 };
  const hidden = { paused: true, spatialLayer: null, priority: 1 };
  it.each([
    {
      case: 'new, shown',
      had: undefined,
      want: shown,
      changes: { pause: 0, resume: 0, layers: 1, priorities: 1 },
    },
    {
      case: 'new, hidden',
      had: undefined,
      want: hidden,
      changes: { pause: 1, resume: 0, layers: 0, priorities: 0 },
    },
    { case: 'the same', had: shown, want: shown, changes: { pause: 0, resume: 0, layers: 0, priorities: 0 } },
    {
      case: 'still hidden',
      had: hidden,
      want: hidden,
      changes: { pause: 0, resume: 0, layers: 0, priorities: 0 },
    },
    {
      case: 'out of sight',
      had: shown,
      want: hidden,
      changes: { pause: 1, resume: 0, layers: 0, priorities: 0 },
    },
    { case: 'back', had: hidden, want: shown, changes: { pause: 0, resume: 1, layers: 1, priorities: 1 } },
  ])('$case', ({ had, want, changes }) => {
    const { pause, resume, layers, priorities } = changesOf(
      new Map([['c', want]]),
      had === undefined ? new Map() : new Map([['c', had]]),
    );
    expect({
      pause: pause.length,
      resume: resume.length,
      layers: layers.length,
      priorities: priorities.length,
    }).toEqual(changes);
  });
});
