/** Changes as undo and the journal use them: both ways, again and again, and in few bytes. */

import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { copyMask, createMask, type Mask, wholeRect } from "../../src/mask/bitmap";
import {
  applyChange,
  byteCount,
  type Change,
  changeBetween,
  reversed,
} from "../../src/mask/change";
import { fillCapsule, maskFrom } from "./pictures";

const [WIDTH, HEIGHT] = [300, 40];

/** A mask in runs of any length, so that their numbers take one byte, two and three. */
const inRuns = fc
  .array(fc.oneof(fc.nat(20), fc.nat(400), fc.nat(9000)), { maxLength: 60 })
  .map((lengths): Mask => {
    const mask = createMask(WIDTH, HEIGHT);
    let at = 0;
    for (const [i, length] of lengths.entries()) {
      mask.data.fill(i % 2, at, at + length);
      at += length;
    }
    return mask;
  });

const same = (a: Mask, b: Mask) => Buffer.compare(a.data, b.data) === 0;

describe("a change", () => {
  it("brings one mask to the other and, reversed, back", () => {
    fc.assert(
      fc.property(inRuns, inRuns, (first, second) => {
        const change = changeBetween(first, second, wholeRect(first));
        const moved = copyMask(first);
        applyChange(moved, change);
        expect(same(moved, second)).toBe(true);
        applyChange(moved, reversed(change));
        expect(same(moved, first)).toBe(true);
      }),
    );
  });

  it("leads to the same mask when the last ones are done again: a journal may hold them twice", () => {
    fc.assert(
      fc.property(fc.array(inRuns, { minLength: 2, maxLength: 5 }), fc.nat(4), (masks, again) => {
        const changes: Change[] = [];
        for (let i = 1; i < masks.length; i++) {
          const [before, after] = [masks[i - 1] as Mask, masks[i] as Mask];
          changes.push(changeBetween(before, after, wholeRect(before)));
        }
        const moved = copyMask(masks[0] as Mask);
        for (const change of [...changes, ...changes.slice(again)]) applyChange(moved, change);
        expect(same(moved, masks.at(-1) as Mask)).toBe(true);
      }),
    );
  });

  it("counts pixels between runs and in them", () => {
    const change = changeBetween(
      maskFrom("......", "##...."),
      maskFrom("..###.", ".....#"),
      wholeRect({ width: 6, height: 2 }),
    );
    expect([...change.set]).toEqual([2, 3, 6, 1]);
    expect([...change.cleared]).toEqual([6, 2]);
    expect(change.rect).toEqual({ x0: 0, y0: 0, x1: 6, y1: 2 });
  });

  it("of a long stroke takes a few bytes a row, whatever the radius", () => {
    for (const radius of [20, 150, 400]) {
      const [before, after] = [createMask(3072, 3072), createMask(3072, 3072)];
      const rect = fillCapsule(after, { x: 700, y: 900 }, { x: 2300, y: 2100 }, radius, 1);
      const change = changeBetween(before, after, rect);
      expect(byteCount(change)).toBeLessThan(5 * (change.rect.y1 - change.rect.y0));
    }
  });

  it("of noise takes at most a byte a pixel", () => {
    const before = createMask(64, 64);
    const after = createMask(64, 64);
    for (let i = 0; i < after.data.length; i++) after.data[i] = (i ^ (i >> 6)) & 1;
    const change = changeBetween(before, after, wholeRect(before));
    expect(byteCount(change)).toBeLessThanOrEqual(after.data.length);
  });
});
