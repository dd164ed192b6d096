/** Grow, shrink and smooth a mask by a disc. Pixels beyond the film's edge are not counted. */

import { copyMask, type Mask, type Rect } from "./bitmap";
import { boundsOf, eachRun, growRect } from "./runs";

/**
 * The radius of a step, as a share of the film's longer side: equal on the screen for every film.
 */
const STEP_SHARE = 1 / 512;

export function stepOf(mask: Mask): number {
  return Math.max(1, Math.round(Math.max(mask.width, mask.height) * STEP_SHARE));
}

/** Half the width of a disc in each row, from its centre row to its edge. */
function halfWidths(radius: number): readonly number[] {
  return Array.from({ length: radius + 1 }, (_, dy) =>
    Math.floor(Math.sqrt((radius + 0.5) ** 2 - dy * dy)),
  );
}

/** Paint a disc around every pixel that has `value`. */
function spread(mask: Mask, within: Rect, value: 0 | 1, radius: number): void {
  const source = copyMask(mask);
  const halves = halfWidths(radius);
  const { data, width } = mask;
  eachRun(source, within, value, (from, to, y) => {
    for (let dy = -radius; dy <= radius; dy++) {
      if (y + dy < within.y0 || y + dy >= within.y1) continue;
      const half = halves[Math.abs(dy)] as number;
      const row = (y + dy) * width;
      const [left, right] = [Math.max(from - half, within.x0), Math.min(to + half, within.x1)];
      data.fill(value, row + left, row + right);
    }
  });
}

/** Set every pixel within `radius` of the mask. Returns the area to redraw. */
export function grow(mask: Mask, radius = stepOf(mask)): Rect {
  const rect = growRect(boundsOf(mask), radius, mask);
  spread(mask, rect, 1, radius);
  return rect;
}

/** Clear every pixel within `radius` of a pixel outside the mask. Returns the area to redraw. */
export function shrink(mask: Mask, radius = stepOf(mask)): Rect {
  const rect = growRect(boundsOf(mask), 1, mask);
  spread(mask, rect, 0, radius);
  return rect;
}

/** For each pixel of a row, count the set pixels of that row within `radius`. */
function rowSums(mask: Mask, rect: Rect, radius: number): Uint16Array {
  const across = rect.x1 - rect.x0;
  const sums = new Uint16Array(across * (rect.y1 - rect.y0));
  for (let y = rect.y0, at = 0; y < rect.y1; y++) {
    const row = mask.data.subarray(y * mask.width + rect.x0, y * mask.width + rect.x1);
    let sum = 0;
    for (let x = 0; x < Math.min(radius, across); x++) sum += row[x] as number;
    for (let x = 0; x < across; x++, at++) {
      if (x + radius < across) sum += row[x + radius] as number;
      if (x > radius) sum -= row[x - radius - 1] as number;
      sums[at] = sum;
    }
  }
  return sums;
}

/**
 * Give each pixel the value that most pixels of the square around it have, `radius` to each side.
 * Only pixels on the film count. After a tie the pixel stays. Returns the area to redraw.
 */
export function smooth(mask: Mask, radius = stepOf(mask)): Rect {
  const rect = growRect(boundsOf(mask), radius, mask);
  const across = rect.x1 - rect.x0;
  const down = rect.y1 - rect.y0;
  const rows = rowSums(mask, rect, radius);
  const sums = new Uint32Array(across);
  const add = (row: number, sign: 1 | -1) => {
    for (let x = 0, at = row * across; x < across; x++, at++)
      sums[x] = (sums[x] as number) + sign * (rows[at] as number);
  };
  const votes = (at: number, length: number) =>
    Math.min(at + radius, length - 1) - Math.max(at - radius, 0) + 1;
  const voters = Uint16Array.from({ length: across }, (_, x) => votes(rect.x0 + x, mask.width));
  for (let y = 0; y < Math.min(radius, down); y++) add(y, 1);
  for (let y = 0; y < down; y++) {
    if (y + radius < down) add(y + radius, 1);
    if (y > radius) add(y - radius - 1, -1);
    const height = votes(rect.y0 + y, mask.height);
    const start = (rect.y0 + y) * mask.width + rect.x0;
    for (let x = 0; x < across; x++) {
      const twice = 2 * (sums[x] as number);
      const all = height * (voters[x] as number);
      if (twice !== all) mask.data[start + x] = twice > all ? 1 : 0;
    }
  }
  return rect;
}
