/** Draws what lies over the film: maps, outlines and masks. */

import { clipRect, isEmptyRect, type Mask, type Rect } from "../../mask/bitmap";
import { INFECTION_COLOURS, paintMap, type Rgb, SPREAD_COLOURS } from "../../mask/colour";
import { deviceRect, type OverlayStyle, paintOverlay } from "../../mask/outline";
import type { ByteMap } from "../../mask/probability";
import { clear, context, place } from "./canvas";
import type { ShownLayers } from "./layers";
import type { Size, Viewport } from "./viewport";
import { type ZoneLine, zoneLines } from "./zones";

export const MINE: Rgb = [255, 176, 64];
export const THEIRS: Rgb = [110, 190, 255];
const LUNG: Rgb = [110, 225, 170];

export const abgr = (rgb: Rgb, alpha: number): number =>
  ((Math.round(alpha * 255) << 24) | (rgb[2] << 16) | (rgb[1] << 8) | rgb[0]) >>> 0;

export function styleOf(rgb: Rgb, fill: number, view: Viewport): OverlayStyle {
  const thickness = Math.max(1, Math.round(view.pixelRatio * 1.5));
  return { fill: abgr(rgb, fill), line: abgr(rgb, 1), thickness };
}

/** Draw a mask in its colour; `rect`: the image pixels that changed. */
export function drawMask(
  ctx: CanvasRenderingContext2D,
  mask: Mask,
  view: Viewport,
  rect: Rect | "all",
  rgb: Rgb,
  fill: number,
): void {
  const at = place(view);
  const style = styleOf(rgb, fill, view);
  const whole = { x0: 0, y0: 0, x1: ctx.canvas.width, y1: ctx.canvas.height };
  const region = rect === "all" ? whole : clipRect(deviceRect(rect, at, style.thickness), whole);
  if (isEmptyRect(region)) return;
  const image = ctx.createImageData(region.x1 - region.x0, region.y1 - region.y0);
  paintOverlay(mask, at, region, style, new Uint32Array(image.data.buffer));
  ctx.putImageData(image, region.x0, region.y0);
}

/** Draws a map in colours on its own canvas, and again only if the map is another one. */
export function createHeatBuffer(table: Uint32Array) {
  const canvas = document.createElement("canvas");
  const ctx = context(canvas);
  let held: ByteMap | null = null;

  return (map: ByteMap): HTMLCanvasElement => {
    if (map === held) return canvas;
    canvas.width = map.width;
    canvas.height = map.height;
    const image = ctx.createImageData(map.width, map.height);
    paintMap(map, table, new Uint32Array(image.data.buffer));
    ctx.putImageData(image, 0, 0);
    held = map;
    return canvas;
  };
}

/** Draw the zone borders on whole device pixels, equally thin at any zoom. */
function drawZoneLines(
  ctx: CanvasRenderingContext2D,
  lines: readonly ZoneLine[],
  view: Viewport,
): void {
  const { scale, x, y } = place(view);
  const thickness = Math.max(1, Math.round(view.pixelRatio));
  ctx.fillStyle = `rgb(${LUNG.join(" ")})`;
  for (const { row, x0, x1 } of lines) {
    const left = Math.round(x0 * scale + x);
    const right = Math.round(x1 * scale + x);
    ctx.fillRect(left, Math.round(row * scale + y), right - left, thickness);
  }
}

export function createLayerDrawer(heatCanvas: HTMLCanvasElement, lungCanvas: HTMLCanvasElement) {
  const heat = context(heatCanvas);
  const lung = context(lungCanvas);
  const infection = createHeatBuffer(INFECTION_COLOURS);
  const activation = createHeatBuffer(INFECTION_COLOURS);
  const disagreement = createHeatBuffer(SPREAD_COLOURS);
  return (image: Size | null, layers: ShownLayers, view: Viewport): void => {
    clear(heat);
    clear(lung);
    if (!image) return;
    const at = place(view);
    heat.imageSmoothingQuality = "high";
    const draw = (source: HTMLCanvasElement) =>
      heat.drawImage(source, at.x, at.y, image.width * at.scale, image.height * at.scale);
    if (layers.infection) draw(infection(layers.infection));
    if (layers.activation) draw(activation(layers.activation));
    if (layers.disagreement) draw(disagreement(layers.disagreement));
    if (!layers.lung) return;
    drawMask(lung, layers.lung, view, "all", LUNG, 0);
    drawZoneLines(lung, zoneLines(layers.lung, layers.borders), view);
  };
}
