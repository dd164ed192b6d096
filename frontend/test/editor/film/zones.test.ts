import { expect, test } from "vitest";
import type { Case } from "../../../src/api/types";
import { INITIAL_STATE, type RoomState } from "../../../src/editor/actions/state";
import { NO_PICTURES, shownPictures } from "../../../src/editor/film/layers";
import { EMPTY_VIEWPORT } from "../../../src/editor/film/viewport";
import { nameTranslation } from "../../../src/editor/film/zonenames";
import { zoneBorders, zoneLines, zonePlaces } from "../../../src/editor/film/zones";
import { createMask } from "../../../src/mask/bitmap";

const right = { name: "right", borders: [{ row: 20, left: 10, right: 30 }] };
right.borders.push({ row: 30, left: 5, right: 35 });
const left = {
  name: "left",
  borders: right.borders.map(({ row }) => ({ row, left: 60, right: 90 })),
};
const caseOf = (lungs: readonly object[]) =>
  ({ blind: false, layers: { lung_url: "/lung" }, findings: { lungs } }) as unknown as Case;
const both = caseOf([right, left]);

const stateOf = (change: Partial<RoomState>): RoomState => ({
  ...INITIAL_STATE,
  view: { ...EMPTY_VIEWPORT, zoom: 4, screen: { width: 400, height: 300 } },
  ...change,
});

test("a line runs only where the lung has pixels, between the columns that the server says", () => {
  const lung = createMask(12, 4);
  lung.data.set([1, 1, 1, 0, 0, 1, 1, 0, 1, 1, 1, 1], 12);
  expect(zoneLines(lung, [{ row: 1, left: 1, right: 10 }])).toEqual([
    { row: 1, x0: 1, x1: 3 },
    { row: 1, x0: 5, x1: 7 },
    { row: 1, x0: 8, x1: 10 },
  ]);
  expect(zoneLines(lung, [{ row: 1, left: 9, right: 40 }])).toEqual([{ row: 1, x0: 9, x1: 12 }]);
  expect(zoneLines(lung, [{ row: 4, left: 0, right: 12 }])).toEqual([]);
});

test("the borders are drawn with the lung layer, and neither without it nor in a blind read", () => {
  const pictures = { ...NO_PICTURES, lung: createMask(100, 75) };
  const layers = { ...INITIAL_STATE.layers, lung: true };
  const shown = (change: Partial<RoomState>) => shownPictures(stateOf(change), pictures).borders;
  expect(shown({ current: both, layers })).toEqual([...right.borders, ...left.borders]);
  expect(shown({ current: both })).toEqual([]);
  expect(shown({ current: both, layers, isOnlyFilmShown: true })).toEqual([]);
  expect(shown({ current: { ...both, blind: true }, layers })).toEqual([]);
});

test("six zones are named, of thirds of one height; a missing lung or an older round has none", () => {
  const places = zonePlaces(both).map(({ side, zone, rect }) => [side, zone, rect.y0, rect.y1]);
  expect(places).toEqual([
    ["right", "upper", 10, 20],
    ["right", "middle", 20, 30],
    ["right", "lower", 30, 40],
    ["left", "upper", 10, 20],
    ["left", "middle", 20, 30],
    ["left", "lower", 30, 40],
  ]);
  expect(zonePlaces(caseOf([right, { name: "left", borders: [] }]))).toHaveLength(3);
  const older = caseOf([{ name: "right" }, { name: "left" }]);
  expect([zonePlaces(older), zoneBorders(older), zonePlaces(null)]).toEqual([[], [], []]);
});

test("a name stands outward of its zone, stays in sight with it, and goes with it", () => {
  const [upper, middle] = zonePlaces(both);
  const lastPlace = zonePlaces(both)[3];
  if (!upper || !middle || !lastPlace) throw new Error("no zones");
  const at = (change: Partial<RoomState>, place = upper) => nameTranslation(place, stateOf(change));
  const inside = (x: string, y: string, width: number, height: number) =>
    `clamp(0px, calc(${x}), calc(${width}px - 100%)) clamp(0px, calc(${y}), calc(${height}px - 100%))`;
  expect(at({})).toBe(inside("40px + -100%", "60px + -50%", 400, 300));
  expect(at({}, lastPlace)).toBe(inside("360px + 0%", "60px + -50%", 400, 300));
  const mirrored = { orientation: { turns: 0, isMirrored: true } } as const;
  expect(at(mirrored)).toBe(inside("360px + 0%", "60px + -50%", 400, 300));
  const turned = { orientation: { turns: 1, isMirrored: false } } as const;
  expect(at(turned)).toBe(inside("240px + -50%", "40px + -100%", 300, 400));
  const view = { ...stateOf({}).view, x: -60, y: -90 };
  expect(at({ view })).toBeNull();
  expect(at({ view }, middle)).toBe(inside("0px + -100%", "15px + -50%", 400, 300));
});
