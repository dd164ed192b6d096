import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countSet, createMask } from "../../src/mask/bitmap";
import { type Point, sweepCapsule } from "../../src/mask/brush";
import { solidInk } from "../../src/mask/ink";
import { fillCapsule, rowsOf } from "./pictures";

function distance(p: Point, a: Point, b: Point): number {
  const [dx, dy] = [b.x - a.x, b.y - a.y];
  const length = dx * dx + dy * dy;
  const t =
    length === 0 ? 0 : Math.min(1, Math.max(0, ((p.x - a.x) * dx + (p.y - a.y) * dy) / length));
  return Math.hypot(p.x - a.x - t * dx, p.y - a.y - t * dy);
}

const coordinate = fc.double({ min: -8, max: 48, noNaN: true });
const point = fc.record({ x: coordinate, y: coordinate });

describe("the brush", () => {
  it("sets exactly the pixels whose centre is within the radius of the path", () => {
    fc.assert(
      fc.property(point, point, fc.double({ min: 1, max: 12, noNaN: true }), (a, b, radius) => {
        const mask = createMask(40, 33);
        fillCapsule(mask, a, b, radius, 1);
        for (let y = 0; y < mask.height; y++)
          for (let x = 0; x < mask.width; x++) {
            const gap = distance({ x: x + 0.5, y: y + 0.5 }, a, b) - radius;
            if (Math.abs(gap) > 1e-6 && mask.data[y * 40 + x] !== (gap < 0 ? 1 : 0)) return false;
          }
        return true;
      }),
      { numRuns: 60 },
    );
  });

  it("sets what a disc covers that moves and changes its radius, and nothing else", () => {
    const radius = fc.double({ min: 1, max: 12, noNaN: true });
    const steps = Array.from({ length: 401 }, (_, i) => i / 400);
    fc.assert(
      fc.property(point, point, radius, radius, (a, b, ra, rb) => {
        const mask = createMask(40, 33);
        sweepCapsule(mask, a, b, ra, solidInk(mask, 1), rb);
        for (let y = 0; y < mask.height; y++)
          for (let x = 0; x < mask.width; x++) {
            const gaps = steps.map((t) => {
              const centre = { x: a.x + (b.x - a.x) * t, y: a.y + (b.y - a.y) * t };
              return Math.hypot(x + 0.5 - centre.x, y + 0.5 - centre.y) - ra - (rb - ra) * t;
            });
            const gap = Math.min(...gaps);
            // Between two of 401 steps the disc moves and grows less than this.
            if (Math.abs(gap) > 0.25 && mask.data[y * 40 + x] !== (gap < 0 ? 1 : 0)) return false;
          }
        return true;
      }),
      { numRuns: 40 },
    );
  });

  it("draws this picture, and the eraser that one", () => {
    const mask = createMask(9, 7);
    fillCapsule(mask, { x: 3, y: 3.5 }, { x: 6, y: 3.5 }, 2.2, 1);
    const painted = [
      ".........",
      "..#####..",
      ".#######.",
      ".#######.",
      ".#######.",
      "..#####..",
      ".........",
    ];
    expect(rowsOf(mask)).toEqual(painted);
    fillCapsule(mask, { x: 4.5, y: 3.5 }, { x: 4.5, y: 3.5 }, 1.2, 0);
    expect(rowsOf(mask)).toEqual([
      ...painted.slice(0, 2),
      ".###.###.",
      ".##...##.",
      ".###.###.",
      ...painted.slice(5),
    ]);
  });

  it("leaves no gap between two far samples", () => {
    const mask = createMask(200, 20);
    fillCapsule(mask, { x: 5, y: 10 }, { x: 195, y: 10 }, 2, 1);
    for (let x = 5; x < 195; x++) expect(mask.data[10 * 200 + x]).toBe(1);
  });

  it("erases what it painted and says where it worked", () => {
    const mask = createMask(64, 64);
    const rect = fillCapsule(mask, { x: 30, y: 30 }, { x: 40, y: 35 }, 5, 1);
    expect(countSet(mask)).toBeGreaterThan(100);
    mask.data.forEach((value, i) => {
      if (!value) return;
      const [x, y] = [i % 64, Math.floor(i / 64)];
      expect(x >= rect.x0 && x < rect.x1 && y >= rect.y0 && y < rect.y1).toBe(true);
    });
    fillCapsule(mask, { x: 30, y: 30 }, { x: 40, y: 35 }, 5, 0);
    expect(countSet(mask)).toBe(0);
  });

  it("does nothing outside the film", () => {
    const mask = createMask(10, 10);
    fillCapsule(mask, { x: -50, y: -50 }, { x: -40, y: -40 }, 5, 1);
    expect(countSet(mask)).toBe(0);
  });
});
