/** Draws the small pictures: legends, and the film with a map or a mask on it. */

import type { Mask, Rect } from "../../mask/bitmap";
import { INFECTION_COLOURS } from "../../mask/colour";
import { type Placement, paintOverlay } from "../../mask/outline";
import type { ByteMap } from "../../mask/probability";
import { context } from "./canvas";
import { abgr, createHeatBuffer, MINE, THEIRS } from "./overlays";
import type { Size } from "./viewport";

/** The colours of a table from its first to its last, as a legend one pixel high. */
export function drawColours(canvas: HTMLCanvasElement, table: Uint32Array): void {
  const ctx = context(canvas);
  const image = ctx.createImageData(table.length, 1);
  new Uint32Array(image.data.buffer).set(table);
  ctx.putImageData(image, 0, 0);
}

/** Where what has this size lies on a small canvas that shows it whole. */
export function fitInside(canvas: HTMLCanvasElement, { width, height }: Size): Placement {
  const scale = Math.min(canvas.width / width, canvas.height / height);
  return {
    scale,
    x: (canvas.width - width * scale) / 2,
    y: (canvas.height - height * scale) / 2,
  };
}

function drawSmallFilm(canvas: HTMLCanvasElement, preview: ImageBitmap | null, size: Size): void {
  const ctx = context(canvas);
  const { scale, x, y } = fitInside(canvas, size);
  ctx.fillStyle = "#000";
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.imageSmoothingQuality = "high";
  if (preview) ctx.drawImage(preview, x, y, size.width * scale, size.height * scale);
}

/** A small picture of the film with a map in the colours of the infection map. */
export function drawSmallMap(
  canvas: HTMLCanvasElement,
  preview: ImageBitmap | null,
  map: ByteMap,
): void {
  drawSmallFilm(canvas, preview, map);
  const { scale, x, y } = fitInside(canvas, map);
  const heat = createHeatBuffer(INFECTION_COLOURS)(map);
  context(canvas).drawImage(heat, x, y, map.width * scale, map.height * scale);
}

/** A mask over what a small canvas shows: cool for theirs, warm for mine. */
export function drawOver(
  canvas: HTMLCanvasElement,
  mask: Mask,
  whose: "mine" | "theirs",
  fill: number,
): void {
  const layer = document.createElement("canvas");
  layer.width = canvas.width;
  layer.height = canvas.height;
  const over = context(layer);
  const image = over.createImageData(canvas.width, canvas.height);
  const rgb = whose === "mine" ? MINE : THEIRS;
  const style = { fill: abgr(rgb, fill), line: abgr(rgb, 1), thickness: 1 };
  const whole = { x0: 0, y0: 0, x1: canvas.width, y1: canvas.height };
  const out = new Uint32Array(image.data.buffer);
  paintOverlay(mask, fitInside(canvas, mask), whole, style, out);
  over.putImageData(image, 0, 0);
  context(canvas).drawImage(layer, 0, 0);
}

/** A small picture of the film with a mask and its outline. */
export function drawThumbnail(
  canvas: HTMLCanvasElement,
  preview: ImageBitmap | null,
  mask: Mask,
  whose: "mine" | "theirs",
): void {
  drawSmallFilm(canvas, preview, mask);
  drawOver(canvas, mask, whose, 0.12);
}

/** Frames around image rectangles, in the colour of what is theirs. */
export function drawRegions(canvas: HTMLCanvasElement, size: Size, rects: readonly Rect[]): void {
  const ctx = context(canvas);
  const { scale, x, y } = fitInside(canvas, size);
  ctx.strokeStyle = `rgb(${THEIRS.join(" ")})`;
  ctx.setLineDash([5, 4]);
  for (const { x0, y0, x1, y1 } of rects)
    ctx.strokeRect(x + x0 * scale, y + y0 * scale, (x1 - x0) * scale, (y1 - y0) * scale);
}
