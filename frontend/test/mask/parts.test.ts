import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { copyMask, type Mask } from "../../src/mask/bitmap";
import { fillHoles, keepInside, removeIslands } from "../../src/mask/parts";
import { anyMask, isInside, maskFrom, rowsOf } from "./pictures";

const done = (mask: Mask, act: (mask: Mask) => unknown) => {
  const next = copyMask(mask);
  act(next);
  return next;
};

/** The parts by flooding from every pixel: slow and plain, to compare with. */
function floods(mask: Mask, value: 0 | 1, isDiagonal: boolean) {
  const seen = new Set<number>();
  const parts: { pixels: number[]; isAtEdge: boolean }[] = [];
  for (let start = 0; start < mask.data.length; start++) {
    if (mask.data[start] !== value || seen.has(start)) continue;
    const part = { pixels: [start], isAtEdge: false };
    seen.add(start);
    for (const at of part.pixels) {
      const [x, y] = [at % mask.width, Math.floor(at / mask.width)];
      if (x === 0 || y === 0 || x === mask.width - 1 || y === mask.height - 1) part.isAtEdge = true;
      for (const [dx, dy] of [-1, 0, 1].flatMap((a) => [-1, 0, 1].map((b) => [a, b] as const))) {
        const [nx, ny] = [x + dx, y + dy];
        const next = ny * mask.width + nx;
        if (!isDiagonal && dx !== 0 && dy !== 0) continue;
        if (nx < 0 || ny < 0 || nx >= mask.width || ny >= mask.height) continue;
        if (mask.data[next] !== value || seen.has(next)) continue;
        seen.add(next);
        part.pixels.push(next);
      }
    }
    parts.push(part);
  }
  return parts;
}

describe("filling holes", () => {
  it("fills what is enclosed, a ring closed by corners too, and no bay open to the edge", () => {
    const mask = maskFrom(
      "...........",
      ".#####..#..",
      ".#...#.#.#.",
      ".#.#.#..#..",
      ".#...#.....",
      ".#####.####",
      ".......#...",
      ".......####",
    );
    fillHoles(mask);
    expect(rowsOf(mask)).toEqual([
      "...........",
      ".#####..#..",
      ".#####.###.",
      ".#####..#..",
      ".#####.....",
      ".#####.####",
      ".......#...",
      ".......####",
    ]);
  });

  it("only adds, is done after once, and fills the parts that do not reach the edge", () => {
    fc.assert(
      fc.property(anyMask, (mask) => {
        const filled = done(mask, fillHoles);
        expect(isInside(mask, filled)).toBe(true);
        expect(done(filled, fillHoles)).toEqual(filled);
        const wanted = copyMask(mask);
        for (const { pixels, isAtEdge } of floods(mask, 0, false))
          if (!isAtEdge) for (const at of pixels) wanted.data[at] = 1;
        expect(rowsOf(filled)).toEqual(rowsOf(wanted));
      }),
      { numRuns: 300 },
    );
  });
});

describe("removing islands", () => {
  it("drops what is smaller than its share, and joins parts at corners", () => {
    const mask = maskFrom("##....#...", "##...#....", "......#..#", "#.........");
    removeIslands(mask, 0.06);
    expect(rowsOf(mask)).toEqual(["##....#...", "##...#....", "......#...", ".........."]);
  });

  it("only takes away, is done after once, and drops exactly the small parts", () => {
    fc.assert(
      fc.property(anyMask, fc.double({ min: 0, max: 0.3, noNaN: true }), (mask, share) => {
        const kept = done(mask, (input) => removeIslands(input, share));
        expect(isInside(kept, mask)).toBe(true);
        expect(done(kept, (input) => removeIslands(input, share))).toEqual(kept);
        const least = Math.max(1, Math.round(share * mask.data.length));
        const wanted = copyMask(mask);
        for (const { pixels } of floods(mask, 1, true))
          if (pixels.length < least) for (const at of pixels) wanted.data[at] = 0;
        expect(rowsOf(kept)).toEqual(rowsOf(wanted));
      }),
      { numRuns: 300 },
    );
  });
});

it("keeps what lies inside another mask, and nothing else", () => {
  const mask = maskFrom("##...#", "##...#", "......");
  keepInside(mask, maskFrom("#....#", "##....", "######"));
  expect(rowsOf(mask)).toEqual(["#....#", "##....", "......"]);
  fc.assert(
    fc.property(anyMask, fc.integer(), (mask, seed) => {
      const inside = { ...mask, data: mask.data.map((_, i) => ((i * 37 + seed) & 4) >> 2) };
      const kept = done(mask, (now) => keepInside(now, inside));
      expect(kept.data).toEqual(mask.data.map((value, i) => value & (inside.data[i] as number)));
    }),
  );
});
