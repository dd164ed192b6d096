/**
 * Draws the mask's outline, and in two colours what was added and removed since the compared mask.
 */

import { clipRect, isEmptyRect, type Mask, type Rect, wholeRect } from "../../mask/bitmap";
import type { Rgb } from "../../mask/colour";
import { compareInto, createDifference, type Difference } from "../../mask/difference";
import { deviceRect, paintOverlay } from "../../mask/outline";
import { place } from "../film/canvas";
import { abgr, MINE, styleOf } from "../film/overlays";
import type { Viewport } from "../film/viewport";

/** People who cannot see red or green can tell these two colours apart. */
const ADDED: Rgb = [190, 235, 80];
const REMOVED: Rgb = [255, 80, 190];
const STRENGTH = 0.55;

export function createDifferenceDrawer(ctx: CanvasRenderingContext2D) {
  let difference: Difference | null = null;
  let of: Mask | null = null;

  /** `rect`: the image pixels that changed. */
  return (mine: Mask, base: Mask, view: Viewport, rect: Rect | "all"): void => {
    if (!difference || of !== mine) difference = createDifference(mine);
    of = mine;
    const whole = rect === "all";
    compareInto(difference, mine, base, whole ? wholeRect(mine) : rect);
    const at = place(view);
    const screen = { x0: 0, y0: 0, x1: ctx.canvas.width, y1: ctx.canvas.height };
    const style = { ...styleOf(MINE, 0, view), fill: 0 };
    const region = whole ? screen : clipRect(deviceRect(rect, at, style.thickness), screen);
    if (isEmptyRect(region)) return;
    const image = ctx.createImageData(region.x1 - region.x0, region.y1 - region.y0);
    const out = new Uint32Array(image.data.buffer);
    paintOverlay(mine, at, region, style, out);
    const part = new Uint32Array(out.length);
    for (const [mask, rgb] of [
      [difference.added, ADDED],
      [difference.removed, REMOVED],
    ] as const) {
      const colour = abgr(rgb, STRENGTH);
      paintOverlay(mask, at, region, { ...style, fill: colour, line: colour }, part);
      // The outline of the mask stays on top.
      for (let i = 0; i < out.length; i++) if ((out[i] as number) === 0) out[i] = part[i] as number;
    }
    ctx.putImageData(image, region.x0, region.y0);
  };
}
