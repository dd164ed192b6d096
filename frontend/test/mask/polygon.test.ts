import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMask, type Mask } from "../../src/mask/bitmap";
import type { Point } from "../../src/mask/brush";
import { copyInk, solidInk } from "../../src/mask/ink";
import { sweepPolygon } from "../../src/mask/polygon";
import { anyMask, isInside, maskFrom, rowsOf } from "./pictures";

const at = (x: number, y: number): Point => ({ x, y });
const fill = (mask: Mask, points: readonly Point[], value: 0 | 1 = 1) =>
  sweepPolygon(mask, points, solidInk(mask, value));

function drawn(width: number, height: number, ...points: readonly Point[]): string[] {
  const mask = createMask(width, height);
  fill(mask, points);
  return rowsOf(mask);
}

const coordinate = fc.double({ min: -4, max: 18, noNaN: true });
const outline = fc.array(fc.record({ x: coordinate, y: coordinate }), { maxLength: 12 });

/** How often the outline goes round a point: the sum of the angles, not crossings. */
function turns(points: readonly Point[], { x, y }: Point): number {
  let sum = 0;
  points.forEach((p, i) => {
    const q = points[(i + 1) % points.length] as Point;
    const cross = (p.x - x) * (q.y - y) - (p.y - y) * (q.x - x);
    const dot = (p.x - x) * (q.x - x) + (p.y - y) * (q.y - y);
    sum += Math.atan2(cross, dot);
  });
  return sum / (2 * Math.PI);
}

/** How far a point is from the nearest side of the outline, in pixels. */
function distance(points: readonly Point[], { x, y }: Point): number {
  const distances = points.map((p, i) => {
    const q = points[(i + 1) % points.length] as Point;
    const [dx, dy] = [q.x - p.x, q.y - p.y];
    const length = dx * dx + dy * dy;
    const along = length > 0 ? ((x - p.x) * dx + (y - p.y) * dy) / length : 0;
    const t = Math.min(1, Math.max(0, along));
    return Math.hypot(p.x + t * dx - x, p.y + t * dy - y);
  });
  return Math.min(...distances);
}

describe("a closed outline", () => {
  it("holds the pixels whose centre it encloses", () => {
    expect(drawn(6, 5, at(1, 1), at(5, 1), at(5, 4), at(1, 4))).toEqual([
      "......",
      ".####.",
      ".####.",
      ".####.",
      "......",
    ]);
    expect(drawn(7, 4, at(3.5, 0), at(7, 3.5), at(0, 3.5))).toEqual([
      "...#...",
      "..###..",
      ".#####.",
      ".......",
    ]);
  });

  it("takes over what another mask has inside, set or not", () => {
    const mine = maskFrom("######", "######", "......", "......");
    const theirs = maskFrom("#.#.#.", ".#.#.#", "#.#.#.", ".#.#.#");
    sweepPolygon(mine, [at(1, 1), at(5, 1), at(5, 3), at(1, 3)], copyInk(theirs, mine));
    expect(rowsOf(mine)).toEqual(["######", "##.#.#", "..#.#.", "......"]);
  });

  it("fills both loops of an eight, and leaves no hole where it went round twice", () => {
    expect(drawn(8, 4, at(0, 0), at(8, 4), at(8, 0), at(0, 4))).toEqual([
      "#......#",
      "###..###",
      "###..###",
      "#......#",
    ]);
    const square = (a: number, b: number) => [at(a, a), at(b, a), at(b, b), at(a, b)];
    expect(drawn(6, 6, ...square(0, 6), at(0, 0), ...square(2, 4), at(2, 2))).toEqual(
      Array.from({ length: 6 }, () => "######"),
    );
  });

  it("fills what the outline goes round, whatever its direction and its crossings", () => {
    fc.assert(
      fc.property(outline, (points) => {
        const mask = createMask(15, 13);
        fill(mask, points);
        mask.data.forEach((value, i) => {
          const centre = at((i % 15) + 0.5, Math.floor(i / 15) + 0.5);
          // A centre on the line belongs to either side. Rounding moves a line by less than this.
          if (distance(points, centre) < 1e-9) return;
          const inside = points.length > 2 && Math.round(turns(points, centre)) !== 0;
          expect(value).toBe(inside ? 1 : 0);
        });
      }),
      {
        numRuns: 200,
        // The line passes a centre at a distance of one rounding.
        examples: [
          [[at(0, -3.9999999999999885), at(17.99999999999996, 17.99999999999992), at(0, 0)]],
        ],
      },
    );
  });

  it("added and taken away again leaves an empty mask empty, and any mask without its inside", () => {
    fc.assert(
      fc.property(anyMask, outline, (mask, points) => {
        const empty = createMask(mask.width, mask.height);
        fill(empty, points);
        const inside = { ...empty, data: empty.data.slice() };
        fill(empty, points, 0);
        expect(empty.data.indexOf(1)).toBe(-1);
        const before = mask.data.slice();
        fill(mask, points);
        expect(isInside(inside, mask)).toBe(true);
        fill(mask, points, 0);
        expect(mask.data).toEqual(before.map((value, i) => (inside.data[i] ? 0 : value)));
      }),
    );
  });

  it("says where it worked, and does nothing outside the film or with two points", () => {
    const mask = createMask(10, 10);
    const rect = fill(mask, [at(2.2, 3.4), at(6.8, 3.4), at(5, 30)]);
    expect(rect).toEqual({ x0: 2, y0: 3, x1: 7, y1: 10 });
    const blank = createMask(10, 10);
    fill(blank, [at(1, 1), at(8, 8)]);
    fill(blank, [at(-9, -9), at(-2, -9), at(-2, -2)]);
    expect(blank.data.indexOf(1)).toBe(-1);
  });
});
