import { expect, test } from "vitest";
import { INITIAL_STATE, type RoomState } from "../../../src/editor/actions/state";
import { escapeTarget, ringOf } from "../../../src/editor/drawing/pointerinput";
import type { Ruler } from "../../../src/editor/drawing/state";
import { imagePoint, screenPoint } from "../../../src/editor/film/viewport";

const at = screenPoint(30, 40);
const stateOf = (change: Partial<RoomState>): RoomState => ({
  ...INITIAL_STATE,
  phase: "reading",
  tool: "brush",
  radius: 12,
  ...change,
});

test("the ring has the radius of the brush, and tells the eraser from the other brushes", () => {
  expect(ringOf(stateOf({}), at)).toEqual({ at, radius: 12, erases: false });
  expect(ringOf(stateOf({ tool: "threshold" }), at)).toEqual({ at, radius: 12, erases: false });
  expect(ringOf(stateOf({ tool: "eraser" }), at)).toEqual({ at, radius: 12, erases: true });
});

test.each<[string, Partial<RoomState>]>([
  ["a tool that is no brush", { tool: "lasso" }],
  ["only the film shown", { isOnlyFilmShown: true }],
  ["a region to choose", { isRegionNext: true }],
  ["no case to read", { phase: "empty" }],
])("there is no ring with %s", (_, change) => {
  expect(ringOf(stateOf(change), at)).toBeNull();
});

test("there is no ring off the film", () => {
  expect(ringOf(stateOf({}), null)).toBeNull();
});

const ruler: Ruler = { from: imagePoint(0, 0), to: imagePoint(9, 9) };

test("Esc gives up the region first, then the gesture, then the ruler", () => {
  expect(escapeTarget({ isRegionNext: true, ruler }, true)).toBe("region");
  expect(escapeTarget({ isRegionNext: false, ruler }, true)).toBe("gesture");
  expect(escapeTarget({ isRegionNext: false, ruler }, false)).toBe("ruler");
  expect(escapeTarget({ isRegionNext: false, ruler: null }, false)).toBeNull();
});
