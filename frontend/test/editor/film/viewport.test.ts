import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  EMPTY_VIEWPORT,
  fitImage,
  imageToScreen,
  panBy,
  resize,
  screenPoint,
  screenToImage,
  showPoint,
  zoomAt,
} from "../../../src/editor/film/viewport";

const IMAGE = { width: 2048, height: 1600 };
const START = fitImage({ ...EMPTY_VIEWPORT, screen: { width: 1000, height: 700 } }, IMAGE);
const onScreen = fc
  .tuple(fc.integer({ min: 0, max: 1000 }), fc.integer({ min: 0, max: 700 }))
  .map(([x, y]) => screenPoint(x, y));

describe("the viewport", () => {
  it("fits the film inside the screen, centred", () => {
    const corner = imageToScreen(START, screenToImage(START, screenPoint(START.x, START.y)));
    expect(START.zoom * IMAGE.height).toBeLessThanOrEqual(700);
    expect(START.zoom * IMAGE.width).toBeLessThanOrEqual(1000);
    expect(corner.x + (START.zoom * IMAGE.width) / 2).toBeCloseTo(500);
  });

  it("maps there and back", () => {
    fc.assert(
      fc.property(onScreen, fc.double({ min: 0.3, max: 8, noNaN: true }), (at, factor) => {
        const view = zoomAt(START, screenPoint(500, 350), factor, IMAGE);
        const back = imageToScreen(view, screenToImage(view, at));
        expect(back.x).toBeCloseTo(at.x, 6);
        expect(back.y).toBeCloseTo(at.y, 6);
      }),
    );
  });

  it("keeps the point under the pointer when zooming in", () => {
    fc.assert(
      fc.property(fc.double({ min: 1, max: 20, noNaN: true }), (factor) => {
        const at = screenPoint(420, 333);
        const before = screenToImage(START, at);
        const after = screenToImage(zoomAt(START, at, factor, IMAGE), at);
        expect(after.x).toBeCloseTo(before.x, 6);
        expect(after.y).toBeCloseTo(before.y, 6);
      }),
    );
  });

  it("never lets the film out of sight", () => {
    const far = panBy(START, 1e6, -1e6, IMAGE);
    expect(far.x).toBeLessThan(1000);
    expect(far.y + IMAGE.height * far.zoom).toBeGreaterThan(0);
  });

  it("stays fitted when the window grows, and only then", () => {
    const grown = resize(START, { width: 2000, height: 1400 }, 2, IMAGE);
    expect(grown.zoom).toBeCloseTo(START.zoom * 2);
    const zoomed = zoomAt(START, screenPoint(10, 10), 3, IMAGE);
    expect(resize(zoomed, { width: 2000, height: 1400 }, 2, IMAGE).zoom).toBe(zoomed.zoom);
  });

  it("moves no further than it takes to have a point in sight", () => {
    const near = zoomAt(START, screenPoint(500, 350), 8, IMAGE);
    const { width, height } = near.screen;
    expect(showPoint(near, screenToImage(near, screenPoint(60, 70)), 48, IMAGE)).toBe(near);
    const point = screenToImage(near, screenPoint(width + 5, -20));
    const at = imageToScreen(showPoint(near, point, 48, IMAGE), point);
    expect(at.x).toBeCloseTo(width - 48);
    expect(at.y).toBeCloseTo(48);
    expect(at.y).toBeLessThan(height);
  });
});
