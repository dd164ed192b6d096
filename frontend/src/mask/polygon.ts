/**
 * Fills a closed outline by the non-zero rule: an outline that crosses itself or goes round twice
 * leaves no hole inside.
 */

import { clipRect, EMPTY_RECT, isEmptyRect, type Mask, type Rect, wholeRect } from "./bitmap";
import type { Point } from "./brush";
import type { Ink } from "./ink";

/** A polygon that is not closed yet. Its corners are image points. */
export type OpenPolygon = { readonly corners: readonly Point[]; readonly takesAway: boolean };

type Crossing = { readonly x: number; readonly turn: 1 | -1 };

function boundsOf(points: readonly Point[], mask: Mask): Rect {
  if (points.length < 3) return EMPTY_RECT;
  let [x0, y0, x1, y1] = [mask.width, mask.height, 0, 0];
  for (const { x, y } of points) {
    x0 = Math.min(x0, Math.floor(x));
    y0 = Math.min(y0, Math.floor(y));
    x1 = Math.max(x1, Math.ceil(x));
    y1 = Math.max(y1, Math.ceil(y));
  }
  return clipRect({ x0, y0, x1, y1 }, wholeRect(mask));
}

/** Where the edges cross the middle of each row of `rect`. */
function crossings(points: readonly Point[], rect: Rect): Crossing[][] {
  const rows = Array.from({ length: rect.y1 - rect.y0 }, (): Crossing[] => []);
  points.forEach((p, i) => {
    const q = points[(i + 1) % points.length] as Point;
    const [top, bottom] = p.y < q.y ? [p, q] : [q, p];
    const turn = p.y < q.y ? 1 : -1;
    const first = Math.max(rect.y0, Math.ceil(top.y - 0.5));
    const end = Math.min(rect.y1, Math.ceil(bottom.y - 0.5));
    const slope = (bottom.x - top.x) / (bottom.y - top.y);
    for (let y = first; y < end; y++)
      rows[y - rect.y0]?.push({ x: top.x + (y + 0.5 - top.y) * slope, turn });
  });
  return rows;
}

/**
 * Give `ink` every run of pixels whose centre lies inside. Coordinates are continuous: pixel n
 * covers n to n + 1. Returns the area to redraw.
 */
export function sweepPolygon(mask: Mask, points: readonly Point[], ink: Ink): Rect {
  const rect = boundsOf(points, mask);
  if (isEmptyRect(rect)) return rect;
  crossings(points, rect).forEach((row, i) => {
    const start = (rect.y0 + i) * mask.width;
    let winding = 0;
    let left = 0;
    for (const { x, turn } of row.sort((a, b) => a.x - b.x)) {
      if (winding === 0) left = x;
      winding += turn;
      if (winding !== 0) continue;
      const from = Math.max(rect.x0, Math.ceil(left - 0.5));
      const to = Math.min(rect.x1, Math.ceil(x - 0.5));
      if (to > from) ink(start + from, start + to);
    }
  });
  return rect;
}
