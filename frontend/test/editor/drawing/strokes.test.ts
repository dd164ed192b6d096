import fc from "fast-check";
import { expect, it } from "vitest";
import {
  pressedRadius,
  startStroke,
  startThreshold,
  valueAt,
} from "../../../src/editor/drawing/strokes";
import { buildFilm } from "../../../src/editor/film/film";
import { rowsOf } from "../../mask/pictures";
import { openBlankDesk } from "./blankdocument";

const SIDE = 12;

function filmOf(value: (x: number, y: number) => number) {
  const pixels = Uint16Array.from({ length: SIDE * SIDE }, (_, i) =>
    value(i % SIDE, Math.floor(i / SIDE)),
  );
  return buildFilm({ width: SIDE, height: SIDE, bits: 16, pixels });
}

/** Dark above, grey in the middle, bright below. */
const STEPS = filmOf((_, y) => (y < 4 ? 100 : y < 8 ? 500 : 900));
const everywhere = () => 400;

it("the threshold brush paints what is as bright as where it began, or brighter", () => {
  const maskDocument = openBlankDesk(SIDE);
  const stroke = startThreshold(maskDocument, { x: 6, y: 6 }, everywhere, false, STEPS, 1000);
  stroke?.end();
  const [none, all] = [".", "#"].map((cell) => cell.repeat(SIDE)) as [string, string];
  expect(rowsOf(maskDocument.mask)).toEqual([...Array(4).fill(none), ...Array(8).fill(all)]);
  startThreshold(maskDocument, { x: 6, y: 10 }, everywhere, true, STEPS, 1000)?.end();
  expect(rowsOf(maskDocument.mask)).toEqual([
    ...Array(4).fill(none),
    ...Array(4).fill(all),
    ...Array(4).fill(none),
  ]);
  expect(maskDocument.stroke()).toBe(2);
});

it("forgives a twentieth of the window, so that a narrow window is strict", () => {
  const ramp = filmOf((x) => 500 + 10 * x);
  const painted = (width: number) => {
    const maskDocument = openBlankDesk(SIDE);
    startThreshold(maskDocument, { x: 8.5, y: 6 }, everywhere, false, ramp, width)?.end();
    return rowsOf(maskDocument.mask)[6];
  };
  expect(painted(20)).toBe("........####");
  expect(painted(1000)).toBe("...#########");
});

it("paints a part of what the brush paints, with one level from the first press to the release", () => {
  const noise = filmOf((x, y) => (x * 73 + y * 151) % 1000);
  const place = fc.record({
    x: fc.integer({ min: -2, max: SIDE + 2 }),
    y: fc.integer({ min: -2, max: SIDE + 2 }),
  });
  fc.assert(
    fc.property(place, place, fc.integer({ min: 1, max: 6 }), (from, to, radius) => {
      const [brushed, chosen] = [openBlankDesk(SIDE), openBlankDesk(SIDE)];
      const strokes = [
        startStroke(brushed, from, () => radius, false),
        startThreshold(chosen, from, () => radius, false, noise, 0),
      ];
      for (const stroke of strokes) {
        stroke?.move(to);
        stroke?.end();
      }
      const floor = valueAt(noise, from);
      const pixels = noise.levels[0]?.pixels ?? [];
      chosen.mask.data.forEach((value, i) => {
        const isBright = (pixels[i] as number) >= floor;
        expect(value).toBe(isBright ? brushed.mask.data[i] : 0);
      });
      chosen.undo();
      expect(chosen.mask.data.indexOf(1)).toBe(-1);
    }),
  );
});

it("reads the level from nine pixels, and at the edge from the nearest ones", () => {
  const dot = filmOf((x, y) => (x === 5 && y === 5 ? 900 : 0));
  expect([valueAt(dot, { x: 5.5, y: 5.5 }), valueAt(dot, { x: 6.1, y: 6.1 })]).toEqual([100, 100]);
  expect(valueAt(STEPS, { x: -40, y: 90 })).toBe(900);
});

it("does not start on a film of another size than the mask", () => {
  const small = buildFilm({ width: 2, height: 2, bits: 8, pixels: new Uint8Array(4) });
  const maskDocument = openBlankDesk(SIDE);
  expect(startThreshold(maskDocument, { x: 1, y: 1 }, everywhere, false, small, 10)).toBeNull();
});

it("makes the radius that is set the one of full pressure, and never less than a pixel's", () => {
  expect(pressedRadius(20, 1)).toBe(20);
  expect(pressedRadius(20, 0)).toBe(4);
  expect(pressedRadius(20, 0.5)).toBeCloseTo(12);
  expect(pressedRadius(2, 0)).toBe(1);
  expect(pressedRadius(20, 1.5)).toBe(20);
});

it("paints as wide at each sample as the pen presses there", () => {
  const maskDocument = openBlankDesk(SIDE);
  const stroke = startStroke(
    maskDocument,
    { x: 1, y: 6, pressure: 0 },
    ({ pressure }) => pressedRadius(5, pressure ?? 1),
    false,
  );
  stroke.move({ x: 10, y: 6, pressure: 1 });
  stroke.end();
  const heights = [1, 5, 9].map(
    (x) => rowsOf(maskDocument.mask).filter((row) => row[x] === "#").length,
  );
  expect(heights[0]).toBeLessThan(heights[1] as number);
  expect(heights[1]).toBeLessThan(heights[2] as number);
  expect(maskDocument.stroke()).toBe(1);
});
