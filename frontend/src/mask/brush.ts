/** The brush: a swept capsule, so that a fast movement leaves no gaps between two samples. */

import { clipRect, isEmptyRect, type Mask, type Rect, wholeRect } from "./bitmap";
import type { Ink } from "./ink";

export const MIN_RADIUS = 1;
export const MAX_RADIUS = 400;

export type Point = { readonly x: number; readonly y: number };

type Span = { lo: number; hi: number };

function widen(span: Span, lo: number, hi: number): void {
  if (lo < span.lo) span.lo = lo;
  if (hi > span.hi) span.hi = hi;
}

function addDisc(span: Span, centre: Point, radius: number, y: number): void {
  const dy = y - centre.y;
  const left = radius * radius - dy * dy;
  if (left < 0) return;
  const half = Math.sqrt(left);
  widen(span, centre.x - half, centre.x + half);
}

/** The part of row `y` that lies in the rectangle between the two discs. */
function addBody(span: Span, corners: readonly Point[], y: number): void {
  for (let i = 0; i < corners.length; i++) {
    const p = corners[i] as Point;
    const q = corners[(i + 1) % corners.length] as Point;
    if (p.y === q.y || y < Math.min(p.y, q.y) || y > Math.max(p.y, q.y)) continue;
    const x = p.x + ((y - p.y) * (q.x - p.x)) / (q.y - p.y);
    widen(span, x, x);
  }
}

function bodyCorners(a: Point, b: Point, radius: number): readonly Point[] {
  const length = Math.hypot(b.x - a.x, b.y - a.y);
  if (length === 0) return [];
  const nx = (-(b.y - a.y) / length) * radius;
  const ny = ((b.x - a.x) / length) * radius;
  return [
    { x: a.x + nx, y: a.y + ny },
    { x: b.x + nx, y: b.y + ny },
    { x: b.x - nx, y: b.y - ny },
    { x: a.x - nx, y: a.y - ny },
  ];
}

/**
 * Give `ink` every run of pixels whose centre is within `radius` of the segment a-b.
 * Coordinates are continuous image coordinates (pixel n covers n to n + 1). Returns what to redraw.
 */
export function sweepCapsule(mask: Mask, a: Point, b: Point, radius: number, ink: Ink): Rect {
  const r = Math.max(radius, MIN_RADIUS);
  const bounds = clipRect(
    {
      x0: Math.floor(Math.min(a.x, b.x) - r),
      y0: Math.floor(Math.min(a.y, b.y) - r),
      x1: Math.ceil(Math.max(a.x, b.x) + r) + 1,
      y1: Math.ceil(Math.max(a.y, b.y) + r) + 1,
    },
    wholeRect(mask),
  );
  if (isEmptyRect(bounds)) return bounds;
  const corners = bodyCorners(a, b, r);
  for (let y = bounds.y0; y < bounds.y1; y++) {
    const span: Span = { lo: Number.POSITIVE_INFINITY, hi: Number.NEGATIVE_INFINITY };
    addDisc(span, a, r, y + 0.5);
    addDisc(span, b, r, y + 0.5);
    addBody(span, corners, y + 0.5);
    const from = Math.max(bounds.x0, Math.ceil(span.lo - 0.5));
    const to = Math.min(bounds.x1, Math.floor(span.hi - 0.5) + 1);
    if (to > from) ink(y * mask.width + from, y * mask.width + to);
  }
  return bounds;
}
