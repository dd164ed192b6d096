import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { copyMask, createMask, type Mask } from "../../src/mask/bitmap";
import { grow, shrink, smooth, stepOf } from "../../src/mask/morphology";
import { anyMask, isInside, maskFrom, rowsOf } from "./pictures";

const radius = fc.integer({ min: 1, max: 5 });

const done = (mask: Mask, ...acts: readonly ((mask: Mask) => unknown)[]) => {
  const next = copyMask(mask);
  for (const act of acts) act(next);
  return next;
};

describe("growing and shrinking", () => {
  it("moves the outline by a disc", () => {
    const dot = maskFrom(
      ".......",
      ".......",
      ".......",
      "...#...",
      ".......",
      ".......",
      ".......",
    );
    const disc = [".......", "..###..", ".#####.", ".#####.", ".#####.", "..###..", "......."];
    expect(rowsOf(done(dot, (mask) => grow(mask, 2)))).toEqual(disc);
    expect(rowsOf(done(maskFrom(...disc), (mask) => shrink(mask, 2)))).toEqual(rowsOf(dot));
  });

  it("does not shrink away from the film's edge, where nobody drew the outline", () => {
    const mask = maskFrom("###...", "###...", "###...", "......");
    shrink(mask, 1);
    expect(rowsOf(mask)).toEqual(["##....", "##....", "......", "......"]);
  });

  it("sets, or clears, exactly what is within the radius", () => {
    const within = (mask: Mask, at: number, value: number, r: number) =>
      mask.data.some((other, i) => {
        const dx = (i % mask.width) - (at % mask.width);
        const dy = Math.floor(i / mask.width) - Math.floor(at / mask.width);
        return other === value && dx * dx + dy * dy <= (r + 0.5) ** 2;
      });
    fc.assert(
      fc.property(anyMask, radius, (mask, r) => {
        const [grown, shrunk] = [
          done(mask, (input) => grow(input, r)),
          done(mask, (input) => shrink(input, r)),
        ];
        mask.data.forEach((_, at) => {
          expect(grown.data[at]).toBe(within(mask, at, 1, r) ? 1 : 0);
          expect(shrunk.data[at]).toBe(within(mask, at, 0, r) ? 0 : 1);
        });
      }),
    );
  });

  it("grown and shrunk again the mask holds what it held; the other way round no more", () => {
    fc.assert(
      fc.property(anyMask, radius, (mask, r) => {
        const by = [(input: Mask) => grow(input, r), (input: Mask) => shrink(input, r)] as const;
        expect(isInside(mask, done(mask, by[0], by[1]))).toBe(true);
        expect(isInside(done(mask, by[1], by[0]), mask)).toBe(true);
      }),
    );
  });
});

describe("smoothing", () => {
  it("takes specks and pin-holes away and rounds off what stands out", () => {
    const mask = maskFrom(
      "#.........",
      "...####...",
      "...####...",
      "...#.###..",
      "...####...",
      "..........",
    );
    smooth(mask, 1);
    expect(rowsOf(mask)).toEqual([
      "..........",
      "....##....",
      "...####...",
      "...####...",
      "....###...",
      "..........",
    ]);
  });

  it("follows the majority of the square around each pixel", () => {
    fc.assert(
      fc.property(anyMask, radius, (mask, r) => {
        const smoothed = done(mask, (input) => smooth(input, r));
        mask.data.forEach((value, at) => {
          let sum = 0;
          let count = 0;
          for (let y = Math.floor(at / mask.width) - r; y <= Math.floor(at / mask.width) + r; y++)
            for (let x = (at % mask.width) - r; x <= (at % mask.width) + r; x++) {
              if (x < 0 || y < 0 || x >= mask.width || y >= mask.height) continue;
              count++;
              sum += mask.data[y * mask.width + x] as number;
            }
          expect(smoothed.data[at]).toBe(2 * sum === count ? value : 2 * sum > count ? 1 : 0);
        });
      }),
    );
  });
});

it("a step is one pixel on a small film and a few on a large one", () => {
  expect([300, 2048, 3072].map((side) => stepOf(createMask(side, 8)))).toEqual([1, 4, 6]);
});
