import { describe, expect, it } from "vitest";
import { chordOf } from "../../../src/editor/actions/keyboard";
import { ACTIONS, createRegistry, keyLabel, tooltip } from "../../../src/editor/actions/registry";
import { stepRadius } from "../../../src/editor/drawing/strokes";

const press = (
  key: string,
  more: Partial<Record<"ctrlKey" | "shiftKey" | "altKey", boolean>> = {},
) => chordOf({ key, ctrlKey: false, metaKey: false, shiftKey: false, altKey: false, ...more });

describe("the action registry", () => {
  it("holds one action a key", () => {
    expect(() => createRegistry(ACTIONS)).not.toThrow();
  });

  it("refuses two actions on one key and names both", () => {
    const [first] = ACTIONS.filter((action) => action.id === "brush");
    if (!first) throw new Error("no brush");
    const twin = { ...first, id: "twin", name: "Twin" };
    expect(() => createRegistry([...ACTIONS, twin])).toThrow(
      "The key b is taken by Brush and Twin",
    );
  });

  it("has the promised accessible names", () => {
    const names = ACTIONS.map((action) => action.name);
    for (const name of ["Brush", "Eraser", "Undo", "Redo", "Invert", "No infection (0)"])
      expect(names).toContain(name);
    for (const name of [
      "Lasso",
      "Polygon",
      "Fill holes",
      "Remove islands",
      "Smooth",
      "Grow",
      "Shrink",
    ])
      expect(names).toContain(name);
    for (const name of [
      "Exclude",
      "Flag",
      "Note",
      "Save for later (Shift+S)",
      "Accept and next (Enter)",
    ])
      expect(names).toContain(name);
  });

  it("names the key in every tooltip", () => {
    for (const action of ACTIONS) expect(tooltip(action)).toMatch(/\(.+\)$/);
  });

  it.each([
    ["b", {}, "brush"],
    ["B", { shiftKey: true }, undefined],
    ["S", { shiftKey: true }, "later"],
    ["z", { ctrlKey: true }, "undo"],
    ["Z", { ctrlKey: true, shiftKey: true }, "redo"],
    ["?", { shiftKey: true }, "shortcuts"],
    ["Backspace", {}, "last-cases"],
    ["Backspace", { shiftKey: true }, "leave"],
    ["G", { shiftKey: true }, "guideline"],
    ["Enter", {}, "accept"],
    [".", {}, "cross"],
    [".", { shiftKey: true }, "cross"],
    [" ", {}, "press-cross"],
    ["ArrowLeft", {}, "look-left"],
    ["ArrowLeft", { shiftKey: true }, "cross-left"],
    ["+", { shiftKey: true }, "grow"],
    ["+", { ctrlKey: true }, undefined],
    ["1", {}, "candidate-1"],
    ["i", { altKey: true }, undefined],
  ])("maps %s %o to %s", (key, more, id) => {
    const chord = press(key, more);
    expect(chord ? createRegistry(ACTIONS).byKey.get(chord)?.id : undefined).toBe(id);
  });

  it("writes keys the way keyboards do", () => {
    const keys = ["Shift+s", "Ctrl+Shift+z", "Enter", "+", "Shift+Backspace", " "];
    expect(keys.map(keyLabel)).toEqual(["⇧S", "Ctrl+⇧+Z", "Enter", "+", "⇧Bksp", "Space"]);
  });

  it("steps the brush through every size and within its bounds", () => {
    expect(stepRadius(1, -1)).toBe(1);
    expect(stepRadius(1, 1)).toBe(2);
    expect(stepRadius(400, 1)).toBe(400);
    expect(stepRadius(stepRadius(50, 1), -1)).toBe(50);
  });
});
