/** Draws what goes with the pointer: the ring of the brush, the outline under way, the ruler. */

import type { Point } from "../../mask/brush";
import { context } from "../film/canvas";
import { MINE, THEIRS } from "../film/overlays";
import { fitInside } from "../film/thumbnails";
import type { Size } from "../film/viewport";
import {
  imagePoint,
  imageToScreen,
  type ScreenPoint,
  screenPoint,
  type Viewport,
} from "../film/viewport";
import type { Outline } from "./outlines";
import type { Ruler } from "./state";

export type Ring = {
  readonly at: ScreenPoint;
  readonly radius: number;
  readonly erases: boolean;
};

const CORNER_PX = 3;
/** Half the stroke across each end of the ruler. */
const END_PX = 6;
const CROSS_PX = 14;
const CROSS_GAP_PX = 3;

/** Clear the canvas; what follows is in CSS pixels. */
export function startCursor(ctx: CanvasRenderingContext2D, view: Viewport): void {
  const ratio = view.pixelRatio;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, view.screen.width, view.screen.height);
}

const COLOURS: Readonly<Record<Outline["does"], string>> = {
  add: `rgb(${MINE.join(" ")})`,
  remove: "#e6edf3",
  look: "#e6edf3",
  copy: `rgb(${THEIRS.join(" ")})`,
};

/** The line on a dark one, to be seen on every film; dashed where it takes away. */
function strokeTwice(ctx: CanvasRenderingContext2D, path: Path2D, does: Outline["does"]): void {
  for (const [width, colour, dashes] of [
    [3, "rgba(0,0,0,.55)", []],
    [1.5, COLOURS[does], does === "remove" ? [5, 4] : []],
  ] as const) {
    ctx.lineWidth = width;
    ctx.strokeStyle = colour;
    ctx.setLineDash(dashes);
    ctx.stroke(path);
  }
}

export function drawRing(ctx: CanvasRenderingContext2D, ring: Ring, view: Viewport): void {
  const path = new Path2D();
  const radius = Math.max(ring.radius * view.zoom, 1.5);
  path.arc(ring.at.x, ring.at.y, radius, 0, 2 * Math.PI);
  strokeTwice(ctx, path, ring.erases ? "remove" : "add");
}

/** Open in its middle, so that the pixel it points at is seen. */
export function drawCross(ctx: CanvasRenderingContext2D, { x, y }: Point): void {
  const path = new Path2D();
  for (const [dx, dy] of [
    [1, 0],
    [-1, 0],
    [0, 1],
    [0, -1],
  ] as const) {
    path.moveTo(x + dx * CROSS_GAP_PX, y + dy * CROSS_GAP_PX);
    path.lineTo(x + dx * CROSS_PX, y + dy * CROSS_PX);
  }
  strokeTwice(ctx, path, "look");
}

const placing =
  (view: Viewport) =>
  ({ x, y }: Point): ScreenPoint =>
    imageToScreen(view, imagePoint(x, y));

export function drawOutline(ctx: CanvasRenderingContext2D, outline: Outline, view: Viewport): void {
  const onScreen = placing(view);
  const path = new Path2D();
  for (const { x, y } of outline.points.map(onScreen)) path.lineTo(x, y);
  strokeTwice(ctx, path, outline.does);
  ctx.fillStyle = COLOURS[outline.does];
  for (const { x, y } of outline.corners.map(onScreen))
    ctx.fillRect(x - CORNER_PX, y - CORNER_PX, 2 * CORNER_PX, 2 * CORNER_PX);
}

export function drawRuler(ctx: CanvasRenderingContext2D, ruler: Ruler, view: Viewport): void {
  const onScreen = placing(view);
  const [from, to] = [onScreen(ruler.from), onScreen(ruler.to)];
  const length = Math.max(Math.hypot(to.x - from.x, to.y - from.y), 1);
  const [dx, dy] = [((to.y - from.y) / length) * END_PX, ((from.x - to.x) / length) * END_PX];
  const path = new Path2D();
  for (const [a, b] of [
    [from, to],
    [screenPoint(from.x - dx, from.y - dy), screenPoint(from.x + dx, from.y + dy)],
    [screenPoint(to.x - dx, to.y - dy), screenPoint(to.x + dx, to.y + dy)],
  ] as const) {
    path.moveTo(a.x, a.y);
    path.lineTo(b.x, b.y);
  }
  strokeTwice(ctx, path, "look");
}

/** The keyboard's cross at an image point of a small canvas. */
export function drawSmallCross(canvas: HTMLCanvasElement, size: Size, at: Point): void {
  const { scale, x, y } = fitInside(canvas, size);
  drawCross(context(canvas), { x: x + at.x * scale, y: y + at.y * scale });
}
