/** A canvas and where the film lies on it: what every drawing here begins with. */

import type { Placement } from "../mask/outline";
import type { Viewport } from "./viewport";

export function context(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const found = canvas.getContext("2d");
  if (!found) throw new Error("This browser cannot draw on a canvas.");
  return found;
}

export function clear(ctx: CanvasRenderingContext2D): void {
  ctx.clearRect(0, 0, ctx.canvas.width, ctx.canvas.height);
}

/** The film's place in device pixels. */
export function place(view: Viewport): Placement {
  const { zoom, x, y, pixelRatio } = view;
  return { scale: zoom * pixelRatio, x: x * pixelRatio, y: y * pixelRatio };
}
