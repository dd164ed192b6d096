/** Draws the small pictures beside the film: legends and the thumbnails of masks. */

import type { Mask } from "../mask/bitmap";
import { INFECTION_COLOURS } from "../mask/colour";
import { type Placement, paintOverlay } from "../mask/outline";
import type { ByteMap } from "../mask/probability";
import { context } from "./canvas";
import { abgr, createHeatBuffer, MINE, THEIRS } from "./drawoverlays";
import type { Size } from "./viewport";

/** The colours of a table from its first to its last, as a legend one pixel high. */
export function drawColours(canvas: HTMLCanvasElement, table: Uint32Array): void {
  const ctx = context(canvas);
  const image = ctx.createImageData(table.length, 1);
  new Uint32Array(image.data.buffer).set(table);
  ctx.putImageData(image, 0, 0);
}

/** The whole film on a small canvas, and where what has this size lies on it. */
function drawSmallFilm(
  canvas: HTMLCanvasElement,
  preview: ImageBitmap | null,
  { width, height }: Size,
): Placement {
  const ctx = context(canvas);
  const scale = Math.min(canvas.width / width, canvas.height / height);
  const x = (canvas.width - width * scale) / 2;
  const y = (canvas.height - height * scale) / 2;
  ctx.fillStyle = "#000";
  ctx.fillRect(0, 0, canvas.width, canvas.height);
  ctx.imageSmoothingQuality = "high";
  if (preview) ctx.drawImage(preview, x, y, width * scale, height * scale);
  return { scale, x, y };
}

/** A small picture of the film with a map in the colours of the infection map. */
export function drawSmallMap(
  canvas: HTMLCanvasElement,
  preview: ImageBitmap | null,
  map: ByteMap,
): void {
  const { scale, x, y } = drawSmallFilm(canvas, preview, map);
  const heat = createHeatBuffer(INFECTION_COLOURS)(map);
  context(canvas).drawImage(heat, x, y, map.width * scale, map.height * scale);
}

/** A small picture of the film with a mask's outline: cool for theirs, warm for mine. */
export function drawThumbnail(
  canvas: HTMLCanvasElement,
  preview: ImageBitmap | null,
  mask: Mask,
  whose: "mine" | "theirs",
): void {
  const ctx = context(canvas);
  const at = drawSmallFilm(canvas, preview, mask);
  const layer = document.createElement("canvas");
  layer.width = canvas.width;
  layer.height = canvas.height;
  const image = ctx.createImageData(canvas.width, canvas.height);
  const rgb = whose === "mine" ? MINE : THEIRS;
  const style = { fill: abgr(rgb, 0.12), line: abgr(rgb, 1), thickness: 1 };
  const whole = { x0: 0, y0: 0, x1: canvas.width, y1: canvas.height };
  paintOverlay(mask, at, whole, style, new Uint32Array(image.data.buffer));
  context(layer).putImageData(image, 0, 0);
  ctx.drawImage(layer, 0, 0);
}
