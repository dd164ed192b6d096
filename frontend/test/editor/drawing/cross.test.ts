import { describe, expect, it } from "vitest";
import { INITIAL_STATE } from "../../../src/editor/actions/state";
import { createCross } from "../../../src/editor/drawing/cross";
import { isCrossShown } from "../../../src/editor/drawing/state";
import type { Point } from "../../../src/mask/brush";

function pad() {
  const calls: string[] = [];
  let isDown = false;
  const say =
    (what: string) =>
    ({ x, y }: Point) =>
      void calls.push(`${what} ${x},${y}`);
  const cross = createCross({
    size: () => ({ width: 20, height: 30 }),
    isDown: () => isDown,
    down: (at) => {
      isDown = true;
      say("down")(at);
    },
    move: say("move"),
    up: () => {
      isDown = false;
      calls.push("up");
    },
    show: (at) => (at ? say("show")(at) : void calls.push("away")),
  });
  return { cross, calls };
}

describe("the keyboard's cross", () => {
  it("presses, moves and lifts as a mouse does", () => {
    const { cross, calls } = pad();
    cross.takeOut({ x: 3.4, y: 5.6 });
    cross.press();
    cross.step(1, 0);
    cross.step(0, 10);
    cross.press();
    expect(calls).toEqual([
      ...["show 3,6", "down 3,6"],
      ...["show 4,6", "move 4,6", "show 4,16", "move 4,16", "up"],
    ]);
  });

  it("stops at the edges of the picture", () => {
    const { cross, calls } = pad();
    cross.takeOut({ x: -3, y: 40 });
    cross.step(-10, 10);
    cross.step(100, -100);
    expect(calls.filter((call) => call.startsWith("show"))).toEqual([
      "show 0,30",
      "show 0,30",
      "show 20,0",
    ]);
  });

  it("does nothing while it is put away, and lets go of what it holds before", () => {
    const { cross, calls } = pad();
    cross.press();
    cross.step(1, 1);
    cross.putAway();
    expect(calls).toEqual([]);
    cross.takeOut({ x: 5, y: 5 });
    cross.press();
    cross.putAway();
    expect(calls.slice(-2)).toEqual(["up", "away"]);
    expect(cross.isOut()).toBe(false);
  });

  it("comes out where it was, until another pointer has moved", () => {
    const { cross, calls } = pad();
    cross.takeOut({ x: 5, y: 5 });
    cross.step(2, 0);
    cross.putAway();
    cross.takeOut({ x: 9, y: 9 });
    expect(calls.at(-1)).toBe("show 7,5");
    cross.putAway();
    cross.forget();
    cross.takeOut({ x: 9, y: 9 });
    expect(calls.at(-1)).toBe("show 9,9");
  });

  it("is shown only where a press would draw", () => {
    const out = { at: { x: 1, y: 1 }, isDown: false };
    const state = { ...INITIAL_STATE, phase: "reading", cross: out } as const;
    expect(isCrossShown(state)).toBe(true);
    expect(isCrossShown({ ...state, cross: null })).toBe(false);
    expect(isCrossShown({ ...state, tool: "pan" })).toBe(false);
    expect(isCrossShown({ ...state, tool: "window" })).toBe(false);
    expect(isCrossShown({ ...state, tool: "window", isRegionNext: true })).toBe(true);
    expect(isCrossShown({ ...state, isOnlyFilmShown: true })).toBe(false);
    expect(isCrossShown({ ...state, phase: "loading" })).toBe(false);
  });
});
