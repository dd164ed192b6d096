import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  acrossPanes,
  type Extent,
  linkView,
  linkWindow,
} from "../../../src/editor/compare/linking";
import {
  EMPTY_VIEWPORT,
  fitImage,
  imagePoint,
  imageToScreen,
  panBy,
  screenPoint,
  screenToImage,
  type Viewport,
  zoomAt,
} from "../../../src/editor/film/viewport";

const OWN: Extent = { image: { width: 2048, height: 1600 }, spacing: null };
const LARGER: Extent = { image: { width: 3000, height: 3200 }, spacing: null };
const PANE = { width: 520, height: 796 };
const START = fitImage({ ...EMPTY_VIEWPORT, screen: { width: 519, height: 796 } }, OWN.image);

const moved = fc
  .record({
    x: fc.integer({ min: 0, max: 519 }),
    y: fc.integer({ min: 0, max: 796 }),
    factor: fc.double({ min: 0.5, max: 6, noNaN: true }),
    dx: fc.integer({ min: -150, max: 150 }),
    dy: fc.integer({ min: -150, max: 150 }),
  })
  .map(({ x, y, factor, dx, dy }) =>
    panBy(zoomAt(START, screenPoint(x, y), factor, OWN.image), dx, dy, OWN.image),
  );

/** Where the middle of a film is, seen from the middle of its pane. */
function offMiddle(view: Viewport, { image }: Extent) {
  const at = imageToScreen(view, imagePoint(image.width / 2, image.height / 2));
  return [at.x - view.screen.width / 2, at.y - view.screen.height / 2] as const;
}

describe("a film beside the case", () => {
  it("fits its pane where the case fits the stage", () => {
    const linked = linkView(START, OWN, LARGER, PANE);
    const fitted = fitImage({ ...START, screen: PANE }, LARGER.image);
    expect(linked.zoom).toBeCloseTo(fitted.zoom, 9);
    expect([linked.x, linked.y]).toEqual([
      expect.closeTo(fitted.x, 6),
      expect.closeTo(fitted.y, 6),
    ]);
  });

  it("is at the case's own place and zoom when it has the same size and pane", () => {
    fc.assert(
      fc.property(moved, (view) => {
        const linked = linkView(view, OWN, OWN, view.screen);
        expect(linked.zoom).toBeCloseTo(view.zoom, 9);
        expect(linked.x).toBeCloseTo(view.x, 6);
        expect(linked.y).toBeCloseTo(view.y, 6);
      }),
    );
  });

  it("keeps the same part of the picture in the middle, whatever its size", () => {
    fc.assert(
      fc.property(moved, (view) => {
        const linked = linkView(view, OWN, LARGER, PANE);
        const [x, y] = offMiddle(view, OWN);
        expect(offMiddle(linked, LARGER)).toEqual([expect.closeTo(x, 6), expect.closeTo(y, 6)]);
        expect(linked.zoom / fitImage({ ...view, screen: PANE }, LARGER.image).zoom).toBeCloseTo(
          view.zoom / fitImage(view, OWN.image).zoom,
          9,
        );
      }),
    );
  });

  it("has a millimetre as long as the case's where both spacings are known", () => {
    const own = { ...OWN, spacing: 0.2 };
    const other = { ...LARGER, spacing: 0.14 };
    fc.assert(
      fc.property(moved, (view) => {
        const linked = linkView(view, own, other, PANE);
        expect(linked.zoom / other.spacing).toBeCloseTo(view.zoom / own.spacing, 9);
      }),
    );
    const halfKnown = linkView(START, own, LARGER, PANE);
    expect(halfKnown.zoom).toBeCloseTo(linkView(START, OWN, LARGER, PANE).zoom, 9);
  });

  it("keeps the point under the pointer that zooms in its own pane", () => {
    const pointer = screenPoint(130, 610);
    fc.assert(
      fc.property(moved, (view) => {
        const before = linkView(view, OWN, LARGER, PANE);
        const at = acrossPanes(pointer, PANE, view.screen);
        const next = zoomAt(view, at, 1.2, OWN.image);
        // At the ends of the zoom and of the picture the case stops, and so does what follows it.
        const [own, held] = [screenToImage(view, at), screenToImage(next, at)];
        fc.pre(Math.hypot(own.x - held.x, own.y - held.y) < 1e-6);
        const after = linkView(next, OWN, LARGER, PANE);
        const [from, to] = [screenToImage(before, pointer), screenToImage(after, pointer)];
        expect(to.x).toBeCloseTo(from.x, 4);
        expect(to.y).toBeCloseTo(from.y, 4);
      }),
    );
  });
});

describe("its window", () => {
  const own = { center: 128, width: 255 };
  const deep = { center: 30_000, width: 51_000 };

  it("is its own while the case's is", () => {
    expect(linkWindow(own, own, deep)).toEqual(deep);
  });

  it("is narrowed and moved by the same share", () => {
    expect(linkWindow({ center: 128 + 51, width: 127.5 }, own, deep)).toEqual({
      center: 30_000 + 10_200,
      width: 25_500,
    });
  });

  it("leads back the same way", () => {
    const near = { center: 90, width: 300 };
    const back = linkWindow(linkWindow(near, own, deep), deep, own);
    expect(back.center).toBeCloseTo(90, 6);
    expect(back.width).toBeCloseTo(300, 6);
  });
});
