import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { copyMask, createMask, fingerprint, overlap } from "../../src/mask/bitmap";
import { putPatch, takePatch } from "../../src/mask/bits";

const data = fc.uint8Array({ minLength: 17 * 11, maxLength: 17 * 11, max: 1 });
const maskOf = (bytes: Uint8Array) => ({ width: 17, height: 11, data: Uint8Array.from(bytes) });

describe("patches", () => {
  it("hold what a rectangle held", () => {
    const rect = { x0: 3, y0: 2, x1: 16, y1: 9 };
    fc.assert(
      fc.property(data, (bytes) => {
        const mask = maskOf(bytes);
        const empty = createMask(17, 11);
        putPatch(empty, takePatch(mask, rect));
        for (let y = 0; y < 11; y++)
          for (let x = 0; x < 17; x++) {
            const isInside = x >= 3 && x < 16 && y >= 2 && y < 9;
            if (empty.data[y * 17 + x] !== (isInside ? mask.data[y * 17 + x] : 0)) return false;
          }
        return true;
      }),
    );
  });
});

describe("overlap", () => {
  it("is undefined for two empty masks, 0 for one and 1 for equals", () => {
    const empty = createMask(4, 4);
    const full = { ...empty, data: new Uint8Array(16).fill(1) };
    expect(overlap(empty, empty).dice).toBeNaN();
    expect(overlap(empty, full)).toEqual({ dice: 0, added: 0, removed: 16 });
    expect(overlap(full, full)).toEqual({ dice: 1, added: 0, removed: 0 });
  });
});

describe("fingerprint", () => {
  it("tells two masks apart that differ in one pixel", () => {
    fc.assert(
      fc.property(data, fc.integer({ min: 0, max: 17 * 11 - 1 }), (bytes, at) => {
        const mask = maskOf(bytes);
        const other = copyMask(mask);
        other.data[at] = 1 - (other.data[at] as number);
        expect(fingerprint(copyMask(mask))).toBe(fingerprint(mask));
        expect(fingerprint(other)).not.toBe(fingerprint(mask));
      }),
    );
  });
});
