import { describe, expect, it } from "vitest";
import type { ActionHandlers } from "../../../src/editor/actions/handlers";
import { INITIAL_STATE, type RoomState } from "../../../src/editor/actions/state";
import {
  createHold,
  meaningOf,
  type Place,
  startPan,
  startPinch,
} from "../../../src/editor/drawing/gestures";
import type { Tool } from "../../../src/editor/drawing/state";
import { stagePoint } from "../../../src/editor/film/orientation";
import { fitImage, screenPoint, screenToImage } from "../../../src/editor/film/viewport";
import { createStore } from "../../../src/editor/page/store";

const IMAGE = { width: 300, height: 360 };

function film() {
  const screen = { width: 800, height: 600 };
  const view = fitImage({ ...INITIAL_STATE.view, screen }, IMAGE);
  const current = { image: IMAGE } as unknown as RoomState["current"];
  const store = createStore<RoomState>({ ...INITIAL_STATE, current, view });
  const handlers = { setView: (next: RoomState["view"]) => store.set({ view: next }) };
  return { store, handlers: handlers as unknown as ActionHandlers, view };
}

const place = (x: number, y: number): Place => ({
  seen: stagePoint(x, y),
  at: screenPoint(x, y),
  on: { x, y },
});

describe("what a press means", () => {
  const meant = (tool: Tool, button: number, pointerType: string, more: Partial<RoomState> = {}) =>
    meaningOf({ button, pointerType }, { ...INITIAL_STATE, tool, ...more });

  it.each([
    ["brush", 0, "mouse", "draw"],
    ["brush", 1, "mouse", "pan"],
    ["brush", 2, "mouse", "window"],
    ["brush", 3, "mouse", null],
    ["pan", 0, "mouse", "pan"],
    ["window", 0, "touch", "window"],
    ["pan", 5, "pen", "draw"],
  ] as const)("%s, button %i of a %s: %s", (tool, button, pointerType, meaning) => {
    expect(meant(tool, button, pointerType)).toBe(meaning);
  });

  it("lets one finger move the film where it is set to, and a region to come be dragged", () => {
    expect(meant("brush", 0, "touch", { fingerPans: true })).toBe("pan");
    expect(meant("brush", 0, "mouse", { fingerPans: true })).toBe("draw");
    expect(meant("pan", 0, "mouse", { isRegionNext: true })).toBe("draw");
    expect(meant("brush", 0, "mouse", { isOnlyFilmShown: true })).toBe(null);
  });
});

describe("the hold on a film", () => {
  it("hands moves to the gesture and tells how it was over, once", () => {
    const calls: string[] = [];
    const hold = createHold(() => calls.push(hold.isHeld() ? "held" : "free"));
    const gesture = {
      move: () => void calls.push("move"),
      end: () => void calls.push("end"),
      cancel: () => void calls.push("cancel"),
    };
    hold.take(7, gesture);
    hold.move(place(1, 1));
    expect(hold.isBy(7)).toBe(true);
    expect(hold.isBy(8)).toBe(false);
    hold.end();
    hold.end();
    hold.cancel();
    expect(calls).toEqual(["held", "move", "end", "free", "free", "free"]);
  });

  it("ends a click of the keys at once, and waits for a mouse's release", () => {
    const ends: string[] = [];
    const click = (name: string) => ({
      isClick: true,
      move: () => undefined,
      end: () => void ends.push(name),
      cancel: () => undefined,
    });
    const hold = createHold();
    hold.take("keys", click("keys"));
    expect(hold.isHeld()).toBe(false);
    hold.take(1, click("mouse"));
    expect(hold.isHeld()).toBe(true);
    expect(ends).toEqual(["keys"]);
  });
});

describe("the film under pointers", () => {
  it("follows one that pans it", () => {
    const now = film();
    const pan = startPan(now, place(100, 100));
    pan.move(place(130, 90));
    pan.move(place(140, 95));
    expect(now.store.get().view).toMatchObject({ x: now.view.x + 40, y: now.view.y - 5 });
  });

  it("grows as two fingers part, and what lay between them stays there", () => {
    const now = film();
    const fingers = new Map([
      [1, place(350, 300)],
      [2, place(450, 300)],
    ]);
    const between = screenToImage(now.view, screenPoint(400, 300));
    const pinch = startPinch(now, fingers);
    fingers.set(1, place(310, 340));
    pinch.move(place(310, 340));
    fingers.set(2, place(510, 340));
    pinch.move(place(510, 340));
    const { view } = now.store.get();
    expect(view.zoom).toBeCloseTo(2 * now.view.zoom);
    const after = screenToImage(view, screenPoint(410, 340));
    expect(after.x).toBeCloseTo(between.x);
    expect(after.y).toBeCloseTo(between.y);
  });
});
