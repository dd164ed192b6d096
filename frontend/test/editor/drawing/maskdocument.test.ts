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
  const maskDocument = openBlankDesk(SIZE, {
    onKeep: (change) => {
      applyChange(kept, change);
      running = [];
    },
    onKeepRunning: (rect) => void running.push(rect),
    onGesture: () => strokes.push(maskDocument.stroke()),
  });
  const draw = (x: number, y: number, radius: number, value: 0 | 1) => {
    maskDocument.touch(
      fillCapsule(maskDocument.mask, { x, y }, { x: x + 6, y: y + 3 }, radius, value),
    );
    return maskDocument.commit();
  };
  /** The mask as the journal could rebuild it. */
  const rebuilt = () => {
    const mask = copyMask(kept);
    for (const rect of running) copyRect(maskDocument.mask, mask, rect);
    return mask;
  };
  return { maskDocument, rebuilt, strokes, draw };
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
        const { maskDocument, draw } = openDesk();
        const seen: Uint8Array[] = [maskDocument.mask.data.slice()];
        for (const { x, y, radius, value } of gestures)
          if (draw(x, y, radius, value)) seen.push(maskDocument.mask.data.slice());
        for (let i = seen.length - 2; i >= 0; i--) {
          expect(maskDocument.undo()).toBe(true);
          expect(Buffer.compare(maskDocument.mask.data, seen[i] as Uint8Array)).toBe(0);
        }
        expect(maskDocument.undo()).toBe(false);
        for (let i = 1; i < seen.length; i++) {
          expect(maskDocument.redo()).toBe(true);
          expect(Buffer.compare(maskDocument.mask.data, seen[i] as Uint8Array)).toBe(0);
        }
        expect(maskDocument.redo()).toBe(false);
      }),
    );
  });

  it("tells the journal enough to rebuild the mask at any time", () => {
    const step = fc.oneof(gesture, fc.constantFrom("undo", "redo", "cancel", "running"));
    fc.assert(
      fc.property(fc.array(step, { maxLength: 20 }), (steps) => {
        const { maskDocument, rebuilt, draw } = openDesk();
        for (const step of steps) {
          if (step === "undo") maskDocument.undo();
          else if (step === "redo") maskDocument.redo();
          else if (step === "cancel" || step === "running") {
            maskDocument.touch(
              fillCapsule(maskDocument.mask, { x: 9, y: 9 }, { x: 30, y: 20 }, 4, 1),
            );
            maskDocument.keepRunning();
            if (step === "cancel") maskDocument.cancel();
          } else draw(step.x, step.y, step.radius, step.value);
          expect(Buffer.compare(rebuilt().data, maskDocument.mask.data)).toBe(0);
        }
      }),
    );
  });

  it("numbers gestures upwards, undo included, and ignores those that change nothing", () => {
    const { maskDocument, draw, strokes } = openDesk();
    expect(draw(20, 20, 4, 1)).toBe(true);
    expect(draw(20, 20, 4, 1)).toBe(false);
    maskDocument.undo();
    expect(strokes).toEqual([1, 2]);
  });

  it("takes a candidate as one gesture and undo brings the basis back", () => {
    const { maskDocument, draw } = openDesk();
    draw(20, 20, 4, 1);
    const mine = maskDocument.mask.data.slice();
    const candidate: Mask = createMask(SIZE, SIZE);
    candidate.data.fill(1, 0, 500);
    maskDocument.replace(candidate, { candidate: "a", threshold: 128 });
    expect(maskDocument.mask.data).toEqual(candidate.data);
    expect(maskDocument.basis().candidate).toBe("a");
    maskDocument.undo();
    expect(maskDocument.mask.data).toEqual(mine);
    expect(maskDocument.basis()).toEqual(NO_BASIS);
  });

  it("cancels only the gesture in progress", () => {
    const { maskDocument, draw } = openDesk();
    draw(10, 10, 3, 1);
    const before = maskDocument.mask.data.slice();
    maskDocument.touch(fillCapsule(maskDocument.mask, { x: 30, y: 30 }, { x: 40, y: 40 }, 5, 1));
    maskDocument.cancel();
    expect(maskDocument.mask.data).toEqual(before);
    expect(maskDocument.canUndo()).toBe(true);
  });
});
