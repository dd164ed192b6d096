import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { countSet, createMask } from "../../src/mask/bitmap";
import type { Point } from "../../src/mask/brush";
import { fillCapsule } from "./pictures";

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
