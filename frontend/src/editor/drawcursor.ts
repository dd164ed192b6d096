/** Draws what goes with the pointer: the ring of the brush and the outline under way. */

import type { Outline } from "./outlines";
import { imagePoint, imageToScreen, type ScreenPoint, type Viewport } from "./viewport";

export type Ring = {
  readonly at: ScreenPoint;
  readonly radius: number;
  readonly erases: boolean;
};

const CORNER_PX = 3;

/** Clear the canvas; what follows is in CSS pixels. */
export function startCursor(ctx: CanvasRenderingContext2D, view: Viewport): void {
  const ratio = view.pixelRatio;
  ctx.setTransform(ratio, 0, 0, ratio, 0, 0);
  ctx.clearRect(0, 0, view.screen.width, view.screen.height);
}

/** The line on a dark one, to be seen on every film; dashed where it takes away. */
function strokeTwice(ctx: CanvasRenderingContext2D, path: Path2D, takesAway: boolean): void {
  for (const [width, colour] of [
    [3, "rgba(0,0,0,.55)"],
    [1.5, takesAway ? "#e6edf3" : "#ffb040"],
  ] as const) {
    ctx.lineWidth = width;
    ctx.strokeStyle = colour;
    ctx.setLineDash(takesAway ? [5, 4] : []);
    ctx.stroke(path);
  }
}

export function drawRing(ctx: CanvasRenderingContext2D, ring: Ring, view: Viewport): void {
  const path = new Path2D();
  const radius = Math.max(ring.radius * view.zoom, 1.5);
  path.arc(ring.at.x, ring.at.y, radius, 0, 2 * Math.PI);
  strokeTwice(ctx, path, ring.erases);
}

export function drawOutline(ctx: CanvasRenderingContext2D, outline: Outline, view: Viewport): void {
  const path = new Path2D();
  for (const { x, y } of outline.points) {
    const at = imageToScreen(view, imagePoint(x, y));
    path.lineTo(at.x, at.y);
  }
  for (const { x, y } of outline.corners) {
    const at = imageToScreen(view, imagePoint(x, y));
    path.rect(at.x - CORNER_PX, at.y - CORNER_PX, 2 * CORNER_PX, 2 * CORNER_PX);
  }
  strokeTwice(ctx, path, outline.takesAway);
}
