/** A mix of two masks: the reader drags rectangles over the film to take from the other mask. */

import {
  clipRect,
  copyMask,
  copyRect,
  EMPTY_RECT,
  isEmptyRect,
  type Mask,
  type Rect,
  wholeRect,
} from "../../mask/bitmap";
import type { Point } from "../../mask/brush";
import { words } from "../../words";
import { listenToCross } from "../drawing/cross";
import { drawSmallCross } from "../drawing/cursor";
import { drawOver, drawRegions, drawThumbnail, fitInside } from "../film/thumbnails";
import { h } from "../page/elements";
import { createSpeech } from "../page/speech";

export function mixMasks(mine: Mask, theirs: Mask, regions: readonly Rect[]): Mask {
  const mixed = copyMask(mine);
  for (const region of regions) copyRect(theirs, mixed, region);
  return mixed;
}

/** The rectangle between two corners, widened to whole pixels. */
function rectBetween(a: Point, b: Point): Rect {
  return {
    x0: Math.floor(Math.min(a.x, b.x)),
    y0: Math.floor(Math.min(a.y, b.y)),
    x1: Math.ceil(Math.max(a.x, b.x)),
    y1: Math.ceil(Math.max(a.y, b.y)),
  };
}

/**
 * The rectangles that the reader has dragged. `onChange`: a drag has ended, or all were cleared.
 */
function createRegions(bounds: Rect, redraw: () => void, onChange: () => void) {
  let regions: readonly Rect[] = [];
  let drag: { readonly start: Point; readonly rect: Rect } | null = null;

  /** All rectangles, with the one that is being dragged. */
  const shown = () => (drag && !isEmptyRect(drag.rect) ? [...regions, drag.rect] : regions);
  return {
    regions: () => regions,
    shown,
    isDown: () => drag !== null,
    down: ({ x, y }: Point): void => {
      drag = { start: { x, y }, rect: EMPTY_RECT };
    },
    move: (at: Point): void => {
      if (!drag) return;
      drag = { ...drag, rect: clipRect(rectBetween(drag.start, at), bounds) };
      redraw();
    },
    end: (): void => {
      regions = shown();
      drag = null;
      redraw();
      onChange();
    },
    cancel: (): void => {
      drag = null;
      redraw();
    },
    clear: (): void => {
      regions = [];
      redraw();
      onChange();
    },
  };
}

type Regions = ReturnType<typeof createRegions>;

function listenToPointer(canvas: HTMLCanvasElement, film: Mask, regions: Regions): void {
  const filmPoint = (event: PointerEvent): Point => {
    const box = canvas.getBoundingClientRect();
    const { scale, x, y } = fitInside(canvas, film);
    const ratio = canvas.width / box.width;
    return {
      x: ((event.clientX - box.left) * ratio - x) / scale,
      y: ((event.clientY - box.top) * ratio - y) / scale,
    };
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    regions.down(filmPoint(event));
  });
  canvas.addEventListener("pointermove", (event) => regions.move(filmPoint(event)));
  canvas.addEventListener("pointerup", regions.end);
  canvas.addEventListener("pointercancel", regions.end);
}

/** A picture of the mix on which the reader drags rectangles, with a mouse or with the keys. */
export function createMixer(
  size: { readonly width: string; readonly height: string },
  mine: Mask,
  theirs: Mask,
  preview: ImageBitmap | null,
  onChange: () => void,
) {
  const spoken = { role: "application", "aria-label": words.merge.mixer, tabindex: "0" };
  const canvas = h("canvas", { ...size, class: "mixer", ...spoken });
  const speech = createSpeech();
  let cross: Point | null = null;
  let isDue = false;

  const redraw = () => {
    if (!isDue) requestAnimationFrame(draw);
    isDue = true;
  };
  const regions = createRegions(wholeRect(mine), redraw, onChange);
  function draw(): void {
    isDue = false;
    drawThumbnail(canvas, preview, mixMasks(mine, theirs, regions.shown()), "mine");
    drawOver(canvas, theirs, "theirs", 0);
    drawRegions(canvas, mine, regions.shown());
    if (cross) drawSmallCross(canvas, mine, cross);
    const { at, pressed, line } = words.cross;
    speech.say(cross ? line([at(cross.x, cross.y), regions.isDown() ? pressed : ""]) : "");
  }

  listenToPointer(canvas, mine, regions);
  listenToCross(canvas, {
    size: () => mine,
    // One pixel of the picture, which shows the whole film.
    step: () => Math.max(1, Math.round(1 / fitInside(canvas, mine).scale)),
    isDown: regions.isDown,
    down: regions.down,
    move: regions.move,
    up: regions.end,
    cancel: regions.cancel,
    show: (point) => {
      cross = point;
      redraw();
    },
  });
  draw();
  return { canvas, speech: speech.element, regions: regions.regions, clear: regions.clear };
}
