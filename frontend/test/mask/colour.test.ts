import { expect, test } from "vitest";
import { INFECTION_COLOURS, paintMap, SPREAD_COLOURS } from "../../src/mask/colour";

/** CIE lightness of an opaque 0xAABBGGRR colour. */
function lightness(colour: number): number {
  const linear = (value: number) => {
    const part = value / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  };
  const [red, green, blue] = [colour & 255, (colour >> 8) & 255, (colour >> 16) & 255];
  const y = 0.2126 * linear(red) + 0.7152 * linear(green) + 0.0722 * linear(blue);
  return y > 0.008856 ? 116 * Math.cbrt(y) - 16 : 903.3 * y;
}

const alpha = (colour: number) => colour >>> 24;

test.each([
  ["infection", INFECTION_COLOURS, 255],
  ["spread", SPREAD_COLOURS, 128],
])("the %s colours get lighter and more opaque with every value", (_name, table, full) => {
  expect(table.length).toBe(256);
  for (let value = 1; value <= full; value++) {
    const [before, now] = [table[value - 1] as number, table[value] as number];
    expect(alpha(now)).toBeGreaterThanOrEqual(alpha(before));
    if (value > 1) expect(lightness(now)).toBeGreaterThanOrEqual(lightness(before) - 0.5);
  }
  const quarters = [0.25, 0.5, 0.75, 1].map((part) =>
    lightness(table[Math.round(full * part)] as number),
  );
  for (let i = 1; i < quarters.length; i++)
    expect((quarters[i] as number) - (quarters[i - 1] as number)).toBeGreaterThan(10);
});

test("nothing is drawn where the probability is 0, and the film shows through where it is 1", () => {
  expect(INFECTION_COLOURS[0]).toBe(0);
  expect(alpha(INFECTION_COLOURS[255] as number)).toBeLessThan(180);
  expect(SPREAD_COLOURS[255]).toBe(SPREAD_COLOURS[128]);
});

test("a map is painted value by value", () => {
  const out = new Uint32Array(3);
  paintMap({ width: 3, height: 1, data: new Uint8Array([0, 128, 255]) }, INFECTION_COLOURS, out);
  expect([...out]).toEqual([0, INFECTION_COLOURS[128], INFECTION_COLOURS[255]]);
});
