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
});
