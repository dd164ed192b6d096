import { expect, it } from "vitest";
import type { ActionHandlers } from "../../../src/editor/actions/handlers";
import { MOVES } from "../../../src/editor/actions/moving";
import { INITIAL_STATE, type RoomState } from "../../../src/editor/actions/state";
import { fitImage, type Viewport } from "../../../src/editor/film/viewport";
import { roveTo } from "../../../src/editor/page/roving";

it.each([
  ["ArrowRight", 0, 1],
  ["ArrowDown", 1, 2],
  ["ArrowLeft", 0, 2],
  ["ArrowUp", 2, 1],
  ["ArrowRight", 2, 0],
  ["Home", 2, 0],
  ["End", 0, 2],
  ["b", 1, null],
  ["Tab", 1, null],
])("%s leads from button %i of three to %s", (key, now, to) => {
  expect(roveTo(key, now, 3)).toBe(to);
});

const IMAGE = { width: 300, height: 360 };

const press = (view: Viewport, ...keys: readonly string[]) => pressOn({}, view, ...keys);

function pressOn(more: Partial<RoomState>, view: Viewport, ...keys: readonly string[]): Viewport {
  let now = view;
  const handlers = {
    setView: (next: Viewport) => {
      now = next;
    },
  } as unknown as ActionHandlers;
  for (const key of keys) {
    const action = MOVES.find(({ keys }) => keys.includes(key));
    const state = { ...INITIAL_STATE, current: { image: IMAGE }, view: now, ...more };
    action?.perform(handlers, state as unknown as RoomState);
  }
  return now;
}

it("looks further by moving the film the other way, and back again", () => {
  const screen = { width: 800, height: 600 };
  const view = fitImage({ ...INITIAL_STATE.view, screen }, IMAGE);
  expect(press(view, "ArrowRight", "ArrowUp")).toMatchObject({ x: view.x - 60, y: view.y + 60 });
  const back = press(view, "ArrowLeft", "ArrowDown", "ArrowRight", "ArrowUp");
  expect(back).toMatchObject({ x: view.x, y: view.y, zoom: view.zoom });
});

it("zooms about the middle of the screen", () => {
  const screen = { width: 800, height: 600 };
  const view = fitImage({ ...INITIAL_STATE.view, screen }, IMAGE);
  const near = press(view, "PageUp", "PageUp");
  expect(near.zoom).toBeCloseTo(view.zoom * 1.25 ** 2);
  expect((400 - near.x) / near.zoom).toBeCloseTo(150);
  expect((300 - near.y) / near.zoom).toBeCloseTo(180);
  expect(press(near, "PageDown", "PageDown").zoom).toBeCloseTo(view.zoom);
});

it("looks the way of the eye on a film that is turned", () => {
  const screen = { width: 800, height: 600 };
  const view = fitImage({ ...INITIAL_STATE.view, screen }, IMAGE);
  const orientation = { turns: 1, isMirrored: false } as const;
  expect(pressOn({ orientation }, view, "ArrowRight")).toMatchObject({ x: view.x, y: view.y + 60 });
});

it("zooms about the cross while it is shown", () => {
  const screen = { width: 800, height: 600 };
  const view = fitImage({ ...INITIAL_STATE.view, screen }, IMAGE);
  const cross = { at: { x: 200, y: 100 }, isDown: false };
  const near = pressOn({ cross, phase: "reading" }, view, "PageUp");
  expect(200 * near.zoom + near.x).toBeCloseTo(200 * view.zoom + view.x);
  expect(100 * near.zoom + near.y).toBeCloseTo(100 * view.zoom + view.y);
  const about = pressOn({ cross, phase: "reading", tool: "pan" }, view, "PageUp");
  expect((400 - about.x) / about.zoom).toBeCloseTo(150);
});
