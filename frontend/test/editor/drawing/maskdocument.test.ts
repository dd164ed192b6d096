import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { NO_BASIS } from "../../../src/editor/drawing/undo";
import { copyMask, copyRect, createMask, type Mask, type Rect } from "../../../src/mask/bitmap";
import { applyChange } from "../../../src/mask/change";
import { fillCapsule } from "../../mask/pictures";
import { openBlankDesk } from "./blankdocument";

const SIZE = 48;

function openDesk() {
  const kept = createMask(SIZE, SIZE);
  let running: Rect[] = [];
  const strokes: number[] = [];
  const desk = openBlankDesk(SIZE, {
    onKeep: (change) => {
      applyChange(kept, change);
      running = [];
    },
    onKeepRunning: (rect) => void running.push(rect),
    onGesture: () => strokes.push(desk.stroke()),
  });
  const draw = (x: number, y: number, radius: number, value: 0 | 1) => {
    desk.touch(fillCapsule(desk.mask, { x, y }, { x: x + 6, y: y + 3 }, radius, value));
    return desk.commit();
  };
  /** The mask as the journal could rebuild it. */
  const rebuilt = () => {
    const mask = copyMask(kept);
    for (const rect of running) copyRect(desk.mask, mask, rect);
    return mask;
  };
  return { desk, rebuilt, strokes, draw };
}

const gesture = fc.record({
  x: fc.integer({ min: -4, max: SIZE }),
  y: fc.integer({ min: -4, max: SIZE }),
  radius: fc.integer({ min: 1, max: 9 }),
  value: fc.constantFrom(0 as const, 1 as const),
});

describe("the desk", () => {
  it("undoes every gesture and redoes it, pixel by pixel", () => {
    fc.assert(
      fc.property(fc.array(gesture, { maxLength: 12 }), (gestures) => {
        const { desk, draw } = openDesk();
        const seen: Uint8Array[] = [desk.mask.data.slice()];
        for (const { x, y, radius, value } of gestures)
          if (draw(x, y, radius, value)) seen.push(desk.mask.data.slice());
        for (let i = seen.length - 2; i >= 0; i--) {
          expect(desk.undo()).toBe(true);
          expect(Buffer.compare(desk.mask.data, seen[i] as Uint8Array)).toBe(0);
        }
        expect(desk.undo()).toBe(false);
        for (let i = 1; i < seen.length; i++) {
          expect(desk.redo()).toBe(true);
          expect(Buffer.compare(desk.mask.data, seen[i] as Uint8Array)).toBe(0);
        }
        expect(desk.redo()).toBe(false);
      }),
    );
  });

  it("tells the journal enough to rebuild the mask at any time", () => {
    const step = fc.oneof(gesture, fc.constantFrom("undo", "redo", "cancel", "running"));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const { desk, rebuilt, draw } = openDesk();
        for (const one of steps) {
          if (one === "undo") desk.undo();
          else if (one === "redo") desk.redo();
          else if (one === "cancel" || one === "running") {
            desk.touch(fillCapsule(desk.mask, { x: 9, y: 9 }, { x: 30, y: 20 }, 4, 1));
            desk.keepRunning();
            if (one === "cancel") desk.cancel();
          } else draw(one.x, one.y, one.radius, one.value);
          expect(Buffer.compare(rebuilt().data, desk.mask.data)).toBe(0);
        }
      }),
    );
  });

  it("numbers gestures upwards, undo included, and ignores those that change nothing", () => {
    const { desk, draw, strokes } = openDesk();
    expect(draw(20, 20, 4, 1)).toBe(true);
    expect(draw(20, 20, 4, 1)).toBe(false);
    desk.undo();
    expect(strokes).toEqual([1, 2]);
  });

  it("takes a candidate as one gesture and undo brings the basis back", () => {
    const { desk, draw } = openDesk();
    draw(20, 20, 4, 1);
    const mine = desk.mask.data.slice();
    const candidate: Mask = createMask(SIZE, SIZE);
    candidate.data.fill(1, 0, 500);
    desk.replace(candidate, { candidate: "a", threshold: 128 });
    expect(desk.mask.data).toEqual(candidate.data);
    expect(desk.basis().candidate).toBe("a");
    desk.undo();
    expect(desk.mask.data).toEqual(mine);
    expect(desk.basis()).toEqual(NO_BASIS);
  });

  it("cancels only the gesture in progress", () => {
    const { desk, draw } = openDesk();
    draw(10, 10, 3, 1);
    const before = desk.mask.data.slice();
    desk.touch(fillCapsule(desk.mask, { x: 30, y: 30 }, { x: 40, y: 40 }, 5, 1));
    desk.cancel();
    expect(desk.mask.data).toEqual(before);
    expect(desk.canUndo()).toBe(true);
  });
});
