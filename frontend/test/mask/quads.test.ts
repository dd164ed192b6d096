/** What goes four pixels at a time says what going one by one would say, at any width. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  copyMask,
  createMask,
  EMPTY_RECT,
  fingerprint,
  joinRects,
  type Mask,
  overlap,
  wholeRect,
} from "../../src/mask/bitmap";
import { alignRect, takePatch } from "../../src/mask/bits";
import { applyChange, changeBetween, reversed } from "../../src/mask/change";
import { compareInto, createDifference } from "../../src/mask/difference";

/** Two masks of one size, mostly runs, with a rectangle inside. */
const pairs = fc
  .record({
    width: fc.constantFrom(3, 4, 8, 12, 17, 20, 31, 32, 33, 40),
    height: fc.integer({ min: 1, max: 9 }),
    runs: fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 40 }),
    others: fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 40 }),
    corners: fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 4, maxLength: 4 }),
  })
  .map(({ width, height, runs, others, corners }) => {
    const fill = (lengths: readonly number[]): Mask => {
      const mask = createMask(width, height);
      let at = 0;
      for (const [i, length] of lengths.entries()) {
        mask.data.fill(i % 2, Math.min(at, mask.data.length), at + length);
        at += length;
      }
      return mask;
    };
    const [a = 0, b = 0, c = 0, d = 0] = corners;
    const between = (low: number, high: number, side: number) => [
      Math.floor(Math.min(low, high) * side),
      Math.ceil(Math.max(low, high) * side),
    ];
    const [x0 = 0, x1 = 0] = between(a, b, width);
    const [y0 = 0, y1 = 0] = between(c, d, height);
    return { first: fill(runs), second: fill(others), rect: { x0, y0, x1, y1 } };
  });

describe("four pixels at a time", () => {
  it("see the last pixels of a mask whose size is no multiple of four", () => {
    const [first, second] = [createMask(5, 3), createMask(5, 3)];
    second.data[14] = 1;
    const last = { x0: 4, y0: 2, x1: 5, y1: 3 };
    expect(changeBetween(first, second, wholeRect(first)).rect).toEqual(last);
    expect(overlap(first, second)).toEqual({ added: 0, removed: 1, dice: 0 });
    expect(fingerprint(first)).not.toBe(fingerprint(second));
  });

  it("find the same changed rectangle, and count the same overlap", () => {
    fc.assert(
      fc.property(pairs, ({ first, second, rect }) => {
        let changed = EMPTY_RECT;
        for (let y = rect.y0; y < rect.y1; y++)
          for (let x = rect.x0; x < rect.x1; x++)
            if (first.data[y * first.width + x] !== second.data[y * first.width + x])
              changed = joinRects(changed, { x0: x, y0: y, x1: x + 1, y1: y + 1 });
        expect(changeBetween(first, second, rect).rect).toEqual(changed);
        const count = (holds: (a: number, b: number) => boolean) =>
          first.data.filter((value, i) => holds(value, second.data[i] ?? 0)).length;
        const added = count((a, b) => a > b);
        const removed = count((a, b) => a < b);
        const sum = 2 * count((a, b) => a + b === 2) + added + removed;
        const dice = sum === 0 ? Number.NaN : (sum - added - removed) / sum;
        expect(overlap(first, second)).toEqual({ added, removed, dice });
      }),
    );
  });

  it("pack the same bits, in any rectangle and in the aligned one", () => {
    fc.assert(
      fc.property(pairs, ({ first, rect }) => {
        for (const part of [rect, alignRect(rect, first)]) {
          const bits: number[] = [];
          for (let y = part.y0; y < part.y1; y++)
            for (let x = part.x0; x < part.x1; x += 8) {
              const row = first.data.subarray(y * first.width, (y + 1) * first.width);
              const eight = [...row.subarray(x, Math.min(x + 8, part.x1))];
              bits.push(eight.reduce((byte, bit, i) => byte | (bit << (7 - i)), 0));
            }
          expect([...takePatch(first, part).bits]).toEqual(bits);
        }
      }),
    );
  });

  it("find what changed in a rectangle, and nothing beside it", () => {
    fc.assert(
      fc.property(pairs, ({ first, second, rect }) => {
        const moved = copyMask(first);
        const change = changeBetween(first, second, rect);
        applyChange(moved, change);
        for (let i = 0; i < first.data.length; i++) {
          const [x, y] = [i % first.width, Math.floor(i / first.width)];
          const isInside = x >= rect.x0 && x < rect.x1 && y >= rect.y0 && y < rect.y1;
          expect(moved.data[i]).toBe((isInside ? second : first).data[i]);
        }
        applyChange(moved, reversed(change));
        expect(moved.data).toEqual(first.data);
      }),
    );
  });

  it("split a difference into what was added and what was removed", () => {
    fc.assert(
      fc.property(pairs, ({ first, second, rect }) => {
        const difference = createDifference(first);
        compareInto(difference, first, second, rect);
        compareInto(difference, second, first, wholeRect(first)); // what was there is replaced
        compareInto(difference, first, second, wholeRect(first));
        for (const [i, value] of first.data.entries()) {
          const other = second.data[i] ?? 0;
          expect(difference.added.data[i]).toBe(Number(value > other));
          expect(difference.removed.data[i]).toBe(Number(value < other));
        }
      }),
    );
  });

  it("widen a rectangle by less than a word's bits, never beyond the mask", () => {
    fc.assert(
      fc.property(pairs, ({ first, rect }) => {
        const wide = alignRect(rect, first);
        expect(joinRects(wide, rect)).toEqual(wide);
        expect(joinRects(wide, wholeRect(first))).toEqual(wholeRect(first));
        expect(rect.x0 - wide.x0).toBeLessThan(8);
        expect(wide.x1 - rect.x1).toBeLessThan(8);
      }),
    );
  });

  it("give the fingerprint that went out with earlier versions: journals hold it", () => {
    const mask = createMask(37, 21);
    for (let i = 5; i < mask.data.length; i += (i % 11) + 1) mask.data.fill(1, i, i + (i % 7));
    expect(fingerprint(mask)).toBe("37x21-7ff721c6c2014c1c");
    expect(fingerprint(createMask(4, 4))).toBe("4x4-150c764f8dc4519e");
  });
});
