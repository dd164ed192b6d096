import { expect, it } from "vitest";
import { MOVES } from "../../src/editor/moveactions";
import { roveTo } from "../../src/editor/roving";
import { INITIAL_STATE, type RoomState } from "../../src/editor/state";
import type { Verbs } from "../../src/editor/verbs";
import { fitImage, type Viewport } from "../../src/editor/viewport";

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

function press(view: Viewport, ...keys: readonly string[]): Viewport {
  let now = view;
  const verbs = {
    setView: (next: Viewport) => {
      now = next;
    },
  } as unknown as Verbs;
  for (const key of keys) {
    const action = MOVES.find((one) => one.keys.includes(key));
    const state = { ...INITIAL_STATE, current: { image: IMAGE }, view: now };
    action?.perform(verbs, state as unknown as RoomState);
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
