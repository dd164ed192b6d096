import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createMask } from "../../src/mask/bitmap";
import { paintOverlay } from "../../src/mask/outline";

const STYLE = { fill: 1, line: 2, thickness: 1 };

function paint(scale: number, width: number, set: (data: Uint8Array) => void): number[][] {
  const mask = createMask(32, 32);
  set(mask.data);
  const out = new Uint32Array(width * width);
  const region = { x0: 0, y0: 0, x1: width, y1: width };
  paintOverlay(mask, { scale, x: 0, y: 0 }, region, STYLE, out);
  return Array.from({ length: width }, (_, y) => [...out.slice(y * width, (y + 1) * width)]);
}

const square = (data: Uint8Array) => {
  for (let y = 8; y < 24; y++) data.fill(1, y * 32 + 8, y * 32 + 24);
};

describe("the overlay", () => {
  it.each([1, 2, 4])("draws a line one screen pixel wide at %i00 %%", (scale) => {
    const rows = paint(scale, 32 * scale, square);
    const middle = rows[16 * scale] as number[];
    expect(middle[8 * scale - 1]).toBe(0);
    expect(middle[8 * scale]).toBe(2);
    expect(middle[8 * scale + 1]).toBe(1);
    expect(middle[24 * scale - 1]).toBe(2);
    expect(middle[24 * scale]).toBe(0);
  });

  it("draws the same line at 25 %", () => {
    const rows = paint(0.25, 8, square);
    expect(rows[3]).toEqual([0, 0, 2, 1, 1, 2, 0, 0]);
  });

  it("shows an island and a pin-hole of one image pixel at 25 %", () => {
    const island = paint(0.25, 8, (data) => data.fill(1, 13 * 32 + 13, 13 * 32 + 14));
    expect(island[3]?.[3]).toBe(2);
    const hole = paint(0.25, 8, (data) => {
      square(data);
      data[13 * 32 + 13] = 0;
    });
    expect(hole[3]?.[3]).toBe(2);
    expect(hole[3]?.[4]).toBe(1);
  });

  it("draws a part exactly as the whole", () => {
    const mask = createMask(32, 32);
    square(mask.data);
    const place = { scale: 1.7, x: 3.2, y: -4.5 };
    const whole = new Uint32Array(60 * 60);
    paintOverlay(mask, place, { x0: 0, y0: 0, x1: 60, y1: 60 }, STYLE, whole);
    const part = new Uint32Array(20 * 15);
    paintOverlay(mask, place, { x0: 10, y0: 5, x1: 30, y1: 20 }, STYLE, part);
    for (let y = 0; y < 15; y++)
      for (let x = 0; x < 20; x++) expect(part[y * 20 + x]).toBe(whole[(y + 5) * 60 + x + 10]);
  });

  it("shows of each box below one screen pixel whether all, some or none of it is in the mask", () => {
    const side = fc.integer({ min: 1, max: 40 });
    const box = fc.record({
      width: side,
      height: side,
      scale: fc.double({ min: 0.1, max: 0.99, noNaN: true }),
      x: fc.double({ min: -15, max: 15, noNaN: true }),
      y: fc.double({ min: -15, max: 15, noNaN: true }),
      seed: fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 64, maxLength: 64 }),
    });
    fc.assert(
      fc.property(box, ({ width, height, scale, x, y, seed }) => {
        const mask = createMask(width, height);
        // Mostly in the mask, in blocks, so that boxes are whole, cut and empty.
        for (let i = 0; i < mask.data.length; i++)
          mask.data[i] = seed[(((i % width) >> 2) + 8 * (Math.floor(i / width) >> 2)) & 63] ? 1 : 0;
        const out = new Uint32Array(50 * 50);
        const lines = { fill: 1, line: 2, thickness: 0 };
        paintOverlay(mask, { scale, x, y }, { x0: 0, y0: 0, x1: 50, y1: 50 }, lines, out);
        const edge = (at: number, offset: number) => Math.floor((at - offset) / scale);
        for (let row = 0; row < 50; row++)
          for (let col = 0; col < 50; col++) {
            let [n, count] = [0, 0];
            for (let v = Math.max(edge(row, y), 0); v < Math.min(edge(row + 1, y), height); v++)
              for (let u = Math.max(edge(col, x), 0); u < Math.min(edge(col + 1, x), width); u++) {
                n++;
                count += mask.data[v * width + u] as number;
              }
            const expected = count === 0 ? 0 : count === n ? 1 : 2;
            if (out[row * 50 + col] !== expected) return false;
          }
        return true;
      }),
    );
  });
});
