/** Masks as drawn in text: "#" is set, anything else is not. */

import fc from "fast-check";
import { createMask, type Mask, type Rect } from "../../src/mask/bitmap";
import { type Point, sweepCapsule } from "../../src/mask/brush";
import { solidInk } from "../../src/mask/ink";

export function maskFrom(...rows: readonly string[]): Mask {
  const mask = createMask(rows[0]?.length ?? 0, rows.length);
  mask.data.set(rows.flatMap((row) => [...row].map((cell) => (cell === "#" ? 1 : 0))));
  return mask;
}

export function rowsOf(mask: Mask): string[] {
  return Array.from({ length: mask.height }, (_, y) =>
    [...mask.data.subarray(y * mask.width, (y + 1) * mask.width)]
      .map((value) => (value ? "#" : "."))
      .join(""),
  );
}

/** Small masks of every density, so that holes, corners and edges are met often. */
export const anyMask: fc.Arbitrary<Mask> = fc
  .record({
    width: fc.integer({ min: 1, max: 14 }),
    height: fc.integer({ min: 1, max: 14 }),
    density: fc.integer({ min: 0, max: 100 }),
  })
  .chain(({ width, height, density }) =>
    fc
      .array(fc.integer({ min: 0, max: 99 }), {
        minLength: width * height,
        maxLength: width * height,
      })
      .map((cells) => ({
        width,
        height,
        data: Uint8Array.from(cells, (cell) => (cell < density ? 1 : 0)),
      })),
  );

/** Whether all that is set in `a` is set in `b`. */
export function isInside(a: Mask, b: Mask): boolean {
  return a.data.every((value, i) => value <= (b.data[i] as number));
}

/** One straight stroke of the brush or, with 0, of the eraser. */
export function fillCapsule(mask: Mask, a: Point, b: Point, radius: number, value: 0 | 1): Rect {
  return sweepCapsule(mask, a, b, radius, solidInk(mask, value));
}
