import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  flipped,
  frameToStage,
  type Orientation,
  orientationWords,
  rotated,
  stageToFrame,
  turnedSize,
  UPRIGHT,
  wayInFrame,
} from "../../../src/editor/film/orientation";
import { screenPoint } from "../../../src/editor/film/viewport";

const STAGE = { width: 1040, height: 616 };
const orientation = fc.record({
  turns: fc.constantFrom(0, 1, 2, 3),
  isMirrored: fc.boolean(),
}) as fc.Arbitrary<Orientation>;
const share = fc.double({ min: 0, max: 1, noNaN: true });

/** Where a point of the frame, in shares of its size, is seen, in shares of the stage. */
function seen(now: Orientation, u: number, v: number): [number, number] {
  const frame = turnedSize(now, STAGE);
  const at = frameToStage(now, frame, screenPoint(u * frame.width, v * frame.height));
  return [at.x / STAGE.width, at.y / STAGE.height];
}

describe("the orientation", () => {
  it("fills the stage with the turned frame, and maps there and back", () => {
    fc.assert(
      fc.property(orientation, share, share, (now, u, v) => {
        const [x, y] = seen(now, u, v);
        for (const inside of [x, y]) {
          expect(inside).toBeGreaterThanOrEqual(-1e-9);
          expect(inside).toBeLessThanOrEqual(1 + 1e-9);
        }
        const frame = turnedSize(now, STAGE);
        const at = screenPoint(u * frame.width, v * frame.height);
        const back = stageToFrame(now, frame, frameToStage(now, frame, at));
        expect(back.x).toBeCloseTo(at.x, 6);
        expect(back.y).toBeCloseTo(at.y, 6);
      }),
    );
  });

  it("turns clockwise and exchanges left and right, always as it is seen", () => {
    fc.assert(
      fc.property(orientation, share, share, (now, u, v) => {
        const [x, y] = seen(now, u, v);
        const [turnedX, turnedY] = seen(rotated(now), u, v);
        expect(turnedX).toBeCloseTo(1 - y, 9);
        expect(turnedY).toBeCloseTo(x, 9);
        const [mirroredX, mirroredY] = seen(flipped(now), u, v);
        expect(mirroredX).toBeCloseTo(1 - x, 9);
        expect(mirroredY).toBeCloseTo(y, 9);
      }),
    );
  });

  it("is upright again after four turns or two flips", () => {
    expect(rotated(rotated(rotated(rotated(UPRIGHT))))).toEqual(UPRIGHT);
    expect(flipped(flipped(UPRIGHT))).toEqual(UPRIGHT);
  });

  it("is said in the order in which it was made", () => {
    expect(orientationWords(UPRIGHT)).toBe("");
    expect(orientationWords(rotated(UPRIGHT))).toBe("rotated 90°");
    expect(orientationWords(flipped(rotated(UPRIGHT)))).toBe("rotated 90°, mirrored");
    expect(orientationWords(flipped(UPRIGHT))).toBe("mirrored");
  });

  it("has the frame's way for each way across the stage", () => {
    fc.assert(
      fc.property(orientation, (now) => {
        const frame = turnedSize(now, STAGE);
        const from = screenPoint(100, 120);
        const way = wayInFrame(now, 7, -3);
        const start = frameToStage(now, frame, from);
        const end = frameToStage(now, frame, screenPoint(from.x + way.x, from.y + way.y));
        expect([end.x - start.x, end.y - start.y]).toEqual([7, -3]);
      }),
    );
  });
});
