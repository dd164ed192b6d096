/**
 * The brush paints all that its disc passes over, so a fast movement leaves no gaps between
 * samples.
 */

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

/** The part of row `y` that lies between the two discs. */
function addBody(span: Span, corners: readonly Point[], y: number): void {
  for (let i = 0; i < corners.length; i++) {
    const p = corners[i] as Point;
    const q = corners[(i + 1) % corners.length] as Point;
    if (p.y === q.y || y < Math.min(p.y, q.y) || y > Math.max(p.y, q.y)) continue;
    const x = p.x + ((y - p.y) * (q.x - p.x)) / (q.y - p.y);
    widen(span, x, x);
  }
}

/** Where the two common tangents touch the discs. None if one disc lies inside the other. */
function bodyCorners(a: Point, b: Point, radiusA: number, radiusB: number): readonly Point[] {
  const length = Math.hypot(b.x - a.x, b.y - a.y);
  if (length <= Math.abs(radiusA - radiusB)) return [];
  const [ux, uy] = [(b.x - a.x) / length, (b.y - a.y) / length];
  const along = (radiusA - radiusB) / length;
  const across = Math.sqrt(1 - along * along);
  const touch = ({ x, y }: Point, radius: number, side: 1 | -1): Point => ({
    x: x + (ux * along - uy * across * side) * radius,
    y: y + (uy * along + ux * across * side) * radius,
  });
  return [touch(a, radiusA, 1), touch(b, radiusB, 1), touch(b, radiusB, -1), touch(a, radiusA, -1)];
}

/**
 * Give `ink` every run of pixels whose centre lies in a disc that moves from a to b while its
 * radius changes from `radius` to `endRadius`. Coordinates are continuous: pixel n covers n to n +
 * 1. Returns the area to redraw.
 */
export function sweepCapsule(
  mask: Mask,
  a: Point,
  b: Point,
  radius: number,
  ink: Ink,
  endRadius = radius,
): Rect {
  const [ra, rb] = [Math.max(radius, MIN_RADIUS), Math.max(endRadius, MIN_RADIUS)];
  const bounds = clipRect(
    {
      x0: Math.floor(Math.min(a.x - ra, b.x - rb)),
      y0: Math.floor(Math.min(a.y - ra, b.y - rb)),
      x1: Math.ceil(Math.max(a.x + ra, b.x + rb)) + 1,
      y1: Math.ceil(Math.max(a.y + ra, b.y + rb)) + 1,
    },
    wholeRect(mask),
  );
  if (isEmptyRect(bounds)) return bounds;
  const corners = bodyCorners(a, b, ra, rb);
  for (let y = bounds.y0; y < bounds.y1; y++) {
    const span: Span = { lo: Number.POSITIVE_INFINITY, hi: Number.NEGATIVE_INFINITY };
    addDisc(span, a, ra, y + 0.5);
    addDisc(span, b, rb, y + 0.5);
    addBody(span, corners, y + 0.5);
    const from = Math.max(bounds.x0, Math.ceil(span.lo - 0.5));
    const to = Math.min(bounds.x1, Math.floor(span.hi - 0.5) + 1);
    if (to > from) ink(y * mask.width + from, y * mask.width + to);
  }
  return bounds;
}
