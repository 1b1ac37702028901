import { describe, expect, it } from 'vitest';
import { nextStep, wishOf } from './own-media.ts';

describe('wishOf', () => {
  it.each([
    { kind: 'camera', wanted: true, track: 'a', wish: { track: 'a', paused: false } },
    { kind: 'camera', wanted: false, track: 'a', wish: null },
    { kind: 'camera', wanted: true, track: null, wish: null },
    { kind: 'microphone', wanted: true, track: 'a', wish: { track: 'a', paused: false } },
    { kind: 'microphone', wanted: false, track: 'a', wish: { track: 'a', paused: true } },
    { kind: 'microphone', wanted: false, track: null, wish: null },
  ] as const)('$kind, wanted $wanted, track $track', ({ kind, wanted, track, wish }) => {
    expect(wishOf(kind, wanted, track)).toEqual(wish);
  });
});

describe('nextStep', () => {
  const a = { track: 'a', paused: false };
  const muted = { track: 'a', paused: true };
  const b = { track: 'b', paused: false };
  it.each([
    { wish: null, published: undefined, step: 'nothing' },
    { wish: null, published: a, step: 'unpublish' },
    { wish: a, published: undefined, step: 'publish' },
    { wish: a, published: a, step: 'nothing' },
    { wish: b, published: a, step: 'replace' },
    { wish: b, published: muted, step: 'replace' },
    { wish: muted, published: a, step: 'pause' },
    { wish: a, published: muted, step: 'resume' },
  ])('$wish after $published: $step', ({ wish, published, step }) => {
    expect(nextStep(wish, published)).toBe(step);
  });
});
