import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Box, gridLayout, stageLayout, tilesPerPage, WIDE } from './layout.ts';

const options = { gap: 8, minAspect: WIDE, maxAspect: WIDE };
const columnsOf = (boxes: Box[]) => boxes.filter((box) => box.y === boxes[0]?.y).length;

function overlap(a: Box, b: Box): boolean {
  const slack = 0.001;
  return (
    a.x + slack < b.x + b.width &&
    b.x + slack < a.x + a.width &&
    a.y + slack < b.y + b.height &&
    b.y + slack < a.y + a.height
  );
}

function expectInside(boxes: Box[], width: number, height: number): void {
  for (const box of boxes) {
    expect(box.x).toBeGreaterThanOrEqual(-0.001);
    expect(box.y).toBeGreaterThanOrEqual(-0.001);
    expect(box.x + box.width).toBeLessThanOrEqual(width + 0.001);
    expect(box.y + box.height).toBeLessThanOrEqual(height + 0.001);
  }
}

describe('gridLayout', () => {
  it.each([
    { width: 1280, height: 600, count: 1, columns: 1 },
    { width: 1280, height: 600, count: 2, columns: 2 },
    { width: 1280, height: 600, count: 4, columns: 2 },
    { width: 1280, height: 600, count: 5, columns: 3 },
    { width: 1920, height: 900, count: 9, columns: 3 },
    { width: 390, height: 700, count: 3, columns: 1 },
  ])('$count tiles in $width × $height: $columns columns', ({ width, height, count, columns }) => {
    expect(columnsOf(gridLayout({ width, height }, count, options))).toBe(columns);
  });

  it('keeps every tile inside, apart from the others, equal and in shape, for any size and number', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 200, max: 4000 }),
        fc.integer({ min: 200, max: 3000 }),
        fc.integer({ min: 1, max: 49 }),
        fc.constantFrom(3 / 4, 1, WIDE),
        (width, height, count, minAspect) => {
          const boxes = gridLayout({ width, height }, count, { gap: 4, minAspect, maxAspect: WIDE });
          expect(boxes).toHaveLength(count);
          expectInside(boxes, width, height);
          for (const [index, box] of boxes.entries()) {
            expect(box.width).toBeCloseTo(boxes[0]?.width ?? 0, 6);
            expect(box.width / box.height).toBeGreaterThanOrEqual(minAspect - 0.001);
            expect(box.width / box.height).toBeLessThanOrEqual(WIDE + 0.001);
            for (const other of boxes.slice(index + 1)) expect(overlap(box, other)).toBe(false);
          }
        },
      ),
    );
  });

  it('centres a last row that is not full', () => {
    const boxes = gridLayout({ width: 1280, height: 600 }, 5, options);
    const last = boxes.slice(3);
    const left = last[0]?.x ?? 0;
    const right = 1280 - (last[1]?.x ?? 0) - (last[1]?.width ?? 0);
    expect(left).toBeCloseTo(right, 6);
    expect(left).toBeGreaterThan(100);
  });

  it('has no boxes for no tiles', () => {
    expect(gridLayout({ width: 100, height: 100 }, 0, options)).toEqual([]);
  });
});

describe('tilesPerPage', () => {
  it('never goes below the least width, and never to nothing', () => {
    const container = { width: 1280, height: 640 };
    const count = tilesPerPage(container, 200, options);
    expect(gridLayout(container, count, options)[0]?.width).toBeGreaterThanOrEqual(200);
    expect(gridLayout(container, count + 1, options)[0]?.width).toBeLessThan(200);
    expect(tilesPerPage({ width: 50, height: 50 }, 200, options)).toBe(1);
  });
});

describe('stageLayout', () => {
  it.each([
    { width: 1280, height: 640, strip: 4 },
    { width: 1280, height: 640, strip: 30 },
    { width: 390, height: 700, strip: 5 },
    { width: 360, height: 560, strip: 40 },
    { width: 844, height: 300, strip: 3 },
  ])('stage and strip of $strip in $width × $height do not overlap', ({ width, height, strip }) => {
    const layout = stageLayout({ width, height }, strip, 8);
    expect(layout.strip.length).toBeGreaterThan(0);
    expect(layout.strip.length).toBeLessThanOrEqual(strip);
    expectInside([layout.stage, ...layout.strip], width, height);
    for (const [index, box] of layout.strip.entries()) {
      expect(overlap(box, layout.stage)).toBe(false);
      for (const other of layout.strip.slice(index + 1)) expect(overlap(box, other)).toBe(false);
    }
    expect(layout.stage.width * layout.stage.height).toBeGreaterThan(width * height * 0.4);
  });

  it('gives the stage everything when nobody else is there', () => {
    const layout = stageLayout({ width: 800, height: 500 }, 0, 8);
    expect(layout).toEqual({ stage: { x: 0, y: 0, width: 800, height: 500 }, strip: [] });
  });
});
