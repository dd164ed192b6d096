/** The merge screen: two masks of one case, and a mix of them made by dragging over the film. */

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
import { openDialog } from "./dialogs";

/** Which mask goes on: one of both, or mine with these rectangles from theirs. */
export type Choice = "mine" | "theirs" | readonly Rect[];

export function mixMasks(mine: Mask, theirs: Mask, regions: readonly Rect[]): Mask {
  const mixed = copyMask(mine);
  for (const region of regions) copyRect(theirs, mixed, region);
  return mixed;
}

const SIDE = { width: "300", height: "290" } as const;

function figure(canvas: HTMLCanvasElement, ...caption: (Node | string)[]): HTMLElement {
  return h("figure", {}, canvas, h("figcaption", {}, ...caption));
}

function still(
  mask: Mask,
  preview: ImageBitmap | null,
  whose: "mine" | "theirs",
): HTMLCanvasElement {
  const canvas = h("canvas", SIDE);
  drawThumbnail(canvas, preview, mask, whose);
  return canvas;
}

/** A picture of the mix on which the reader drags rectangles, with a mouse or with the keys. */
function createMixer(mine: Mask, theirs: Mask, preview: ImageBitmap | null, onChange: () => void) {
  const spoken = { role: "application", "aria-label": words.merge.mixer, tabindex: "0" };
  const canvas = h("canvas", { ...SIDE, class: "mixer", ...spoken });
  const speech = createSpeech();
  let regions: readonly Rect[] = [];
  let dragged: { x: number; y: number; rect: Rect } | null = null;
  let cross: Point | null = null;
  let isDue = false;

  const shown = () =>
    dragged && !isEmptyRect(dragged.rect) ? [...regions, dragged.rect] : regions;
  const draw = () => {
    isDue = false;
    drawThumbnail(canvas, preview, mixMasks(mine, theirs, shown()), "mine");
    drawOver(canvas, theirs, "theirs", 0);
    drawRegions(canvas, mine, shown());
    if (cross) drawSmallCross(canvas, mine, cross);
    const { at: place, pressed, line } = words.cross;
    speech.say(cross ? line([place(cross.x, cross.y), dragged ? pressed : ""]) : "");
  };
  const redraw = () => {
    if (!isDue) requestAnimationFrame(draw);
    isDue = true;
  };
  const at = (event: PointerEvent) => {
    const box = canvas.getBoundingClientRect();
    const { scale, x, y } = fitInside(canvas, mine);
    const ratio = canvas.width / box.width;
    return {
      x: ((event.clientX - box.left) * ratio - x) / scale,
      y: ((event.clientY - box.top) * ratio - y) / scale,
    };
  };

  const down = ({ x, y }: Point) => {
    dragged = { x, y, rect: EMPTY_RECT };
  };
  const move = ({ x, y }: Point) => {
    if (!dragged) return;
    const rect = {
      x0: Math.floor(Math.min(x, dragged.x)),
      y0: Math.floor(Math.min(y, dragged.y)),
      x1: Math.ceil(Math.max(x, dragged.x)),
      y1: Math.ceil(Math.max(y, dragged.y)),
    };
    dragged = { ...dragged, rect: clipRect(rect, wholeRect(mine)) };
    redraw();
  };
  const end = () => {
    regions = shown();
    dragged = null;
    redraw();
    onChange();
  };
  canvas.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    canvas.setPointerCapture(event.pointerId);
    down(at(event));
  });
  canvas.addEventListener("pointermove", (event) => move(at(event)));
  canvas.addEventListener("pointerup", end);
  canvas.addEventListener("pointercancel", end);
  listenToCross(canvas, {
    size: () => mine,
    // One pixel of the picture, which shows the whole film.
    step: () => Math.max(1, Math.round(1 / fitInside(canvas, mine).scale)),
    isDown: () => dragged !== null,
    ...{ down, move, up: end },
    cancel: () => {
      dragged = null;
      redraw();
    },
    show: (now) => {
      cross = now;
      redraw();
    },
  });
  draw();
  return {
    canvas,
    speech: speech.element,
    regions: () => regions,
    clear: () => {
      regions = [];
      redraw();
      onChange();
    },
  };
}

/** The stale tab is told: both masks are there, and the reader says which one goes on. */
export async function askConflict(
  mine: Mask,
  theirs: Mask,
  preview: ImageBitmap | null,
): Promise<Choice> {
  const clear = h("button", { type: "button", class: "bare" }, words.merge.clear);
  const mixer = createMixer(mine, theirs, preview, () => {
    clear.disabled = mixer.regions().length === 0;
    const mix = clear.closest("dialog")?.querySelector<HTMLButtonElement>('button[value="mix"]');
    if (mix) mix.disabled = clear.disabled;
  });
  clear.disabled = true;
  clear.addEventListener("click", mixer.clear);
  const pictures = h(
    "div",
    { class: "pair" },
    figure(still(mine, preview, "mine"), words.merge.mine),
    figure(still(theirs, preview, "theirs"), words.merge.theirs),
    figure(mixer.canvas, words.merge.mixed, clear, mixer.speech),
  );
  const buttons = [
    { value: "mine", text: words.merge.takeMine },
    { value: "theirs", text: words.merge.takeTheirs },
    { value: "mix", text: words.merge.takeMix, isDisabled: true },
  ];
  const why = h("p", {}, words.merge.why);
  let answer = "";
  while (answer === "") {
    mixer.clear();
    answer = await openDialog(words.merge.title, [why, pictures], buttons);
  }
  if (answer === "mix") return mixer.regions();
  return answer === "mine" ? "mine" : "theirs";
}
