import { describe, expect, it } from 'vitest';
import { packetsPerSubscriber, planFor, subscribersOf } from './plan.ts';
import { findShape, shapeNames } from './shapes.ts';

describe('plans', () => {
  it('have several rooms where a single one would be too little to measure', () => {
    const plan = planFor(findShape('even'), 1);
    expect(plan.participants.length).toBe(120);
    expect(subscribersOf(plan)).toBe(60);
    expect(plan.packetsPerSecond).toBeCloseTo(12_000, 6);
    expect(plan.participants[3]).toEqual({ publishes: [], subscribesTo: [2] });
  });

  it('have one room where that is enough', () => {
    const plan = planFor(findShape('800x1000x4'), 50);
    expect(plan.participants.length).toBe(51);
    expect(plan.packetsPerSecond).toBeCloseTo(40_000, 6);
  });

  it('of a meeting: everyone receives everyone else, the highest layer of each', () => {
    const plan = planFor(findShape('meeting'), 7);
    expect(plan.participants.length).toBe(8);
    expect(plan.participants[2]?.subscribesTo).toEqual([0, 1, 3, 4, 5, 6, 7]);
    const layers = plan.participants[0]?.publishes.map(({ layers: { length } }) => length);
    expect(layers).toEqual([1, 3]);
    expect(plan.packetsPerSecond).toBeCloseTo(56 * packetsPerSubscriber(findShape('meeting').media), 6);
  });
});

describe('shapes', () => {
  it.each(shapeNames())('%s can be sent: sizes and gaps are within bounds', (name) => {
    for (const { layers } of findShape(name).media) {
      for (const { frames, keyFrame = [] } of layers) {
        const sizes = [...frames.flatMap(([, list]) => list), ...keyFrame];
        expect(Math.min(...sizes)).toBeGreaterThanOrEqual(32);
        expect(Math.max(...sizes)).toBeLessThanOrEqual(1400);
        expect(Math.min(...frames.map(([gap]) => gap))).toBeGreaterThanOrEqual(0);
      }
    }
  });

  it.each(['nonsense', '10x10', '0x100', '10x100x999'])('%s is refused', (name) => {
    expect(() => findShape(name)).toThrow();
  });
});
