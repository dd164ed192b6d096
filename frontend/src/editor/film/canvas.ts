/** The basics of drawing: a canvas, its context, and the place of the film on it. */

import type { Placement } from "../../mask/outline";
import { words } from "../../words";
import { type Orientation, toStage, turnedSize } from "./orientation";
import type { Size, Viewport } from "./viewport";

export function context(canvas: HTMLCanvasElement): CanvasRenderingContext2D {
  const ctx = canvas.getContext("2d");
  if (!ctx) throw new Error(words.room.noCanvas);
  return ctx;
}

export function clear(ctx: CanvasRenderingContext2D): void {
  ctx.clearRect(0, 0, ctx.canvas.width, ctx.canvas.height);
}

/** The film's place in device pixels. */
export function place(view: Viewport): Placement {
  const { zoom, x, y, pixelRatio } = view;
  return { scale: zoom * pixelRatio, x: x * pixelRatio, y: y * pixelRatio };
}

/**
 * Lay an element, as the film's own frame, over the stage on which it is seen turned. Returns its
 * size in CSS pixels, which is whole in the screen's: any other canvas is drawn again, and blurred.
 */
export function placeFrame(
  element: HTMLElement,
  stage: HTMLElement,
  orientation: Orientation,
  pixelRatio: number,
): Size {
  const { width, height } = stage.getBoundingClientRect();
  const whole = (length: number) => Math.floor(length * pixelRatio) / pixelRatio;
  const size = turnedSize(orientation, { width: whole(width), height: whole(height) });
  element.style.width = `${size.width}px`;
  element.style.height = `${size.height}px`;
  element.style.transform = `matrix(${toStage(orientation, size).join()})`;
  return size;
}
