/**
 * Finds the runs of equal pixels and the bounds of a mask by the native searches, which are fast.
 */

import { clipRect, EMPTY_RECT, isEmptyRect, type Mask, type Rect, wholeRect } from "./bitmap";

/** Return the smallest rectangle that holds all set pixels. */
export function boundsOf(mask: Mask): Rect {
  const { data, width } = mask;
  const first = data.indexOf(1);
  if (first < 0) return EMPTY_RECT;
  const y0 = Math.floor(first / width);
  const y1 = Math.floor(data.lastIndexOf(1) / width) + 1;
  let x0 = width;
  let x1 = 0;
  for (let y = y0; y < y1; y++) {
    const row = data.subarray(y * width, (y + 1) * width);
    const left = row.indexOf(1);
    if (left < 0) continue;
    if (left < x0) x0 = left;
    const right = row.lastIndexOf(1) + 1;
    if (right > x1) x1 = right;
  }
  return { x0, y0, x1, y1 };
}

/** Return a rectangle widened by a margin, but not beyond the mask. */
export function growRect(rect: Rect, by: number, mask: Mask): Rect {
  if (isEmptyRect(rect)) return rect;
  const wide = { x0: rect.x0 - by, y0: rect.y0 - by, x1: rect.x1 + by, y1: rect.y1 + by };
  return clipRect(wide, wholeRect(mask));
}

/** Call `visit` for every run of `value` inside `rect`, with the image columns and the row. */
export function eachRun(
  mask: Mask,
  rect: Rect,
  value: 0 | 1,
  visit: (from: number, to: number, y: number) => void,
): void {
  const other = value === 1 ? 0 : 1;
  for (let y = rect.y0; y < rect.y1; y++) {
    const start = y * mask.width;
    const row = mask.data.subarray(start + rect.x0, start + rect.x1);
    for (let from = row.indexOf(value); from >= 0; ) {
      const end = row.indexOf(other, from);
      const to = end < 0 ? row.length : end;
      visit(rect.x0 + from, rect.x0 + to, y);
      from = row.indexOf(value, to);
    }
  }
}
