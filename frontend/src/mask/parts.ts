/** Finds the connected parts of a mask from its runs: fills holes and removes islands. */

import { EMPTY_RECT, joinRects, type Mask, type Rect } from "./bitmap";
import { boundsOf, eachRun, growRect } from "./runs";

/** The smallest part, as a share of the image. The server lists no smaller part as a lesion. */
export const SMALLEST_SHARE = 0.0005;

/** Runs of equal pixels, row by row. `part`: the index of the first run of the same part. */
type Runs = {
  readonly from: Int32Array;
  readonly to: Int32Array;
  readonly row: Int32Array;
  readonly part: Int32Array;
};

/** Clear all pixels outside another mask of the same size. Returns the area to redraw. */
export function keepInside(mask: Mask, inside: Mask): Rect {
  const rect = boundsOf(mask);
  eachRun(inside, rect, 0, (from, to, y) => {
    mask.data.fill(0, y * mask.width + from, y * mask.width + to);
  });
  return rect;
}

function rootOf(part: Int32Array, run: number): number {
  let at = run;
  while (part[at] !== at) {
    part[at] = part[part[at] as number] as number;
    at = part[at] as number;
  }
  return at;
}

/** `reach`: 0 if connected runs must share a side, 1 if a common corner is enough. */
function findParts(mask: Mask, rect: Rect, value: 0 | 1, reach: 0 | 1): Runs {
  let count = 0;
  eachRun(mask, rect, value, () => count++);
  const column = () => new Int32Array(count);
  const runs = { from: column(), to: column(), row: column(), part: column() };
  const { from, to, row, part } = runs;
  let at = 0;
  let above = 0;
  eachRun(mask, rect, value, (x0, x1, y) => {
    from[at] = x0;
    to[at] = x1;
    row[at] = y;
    part[at] = at;
    while ((row[above] as number) < y - 1) above++;
    while (row[above] === y - 1 && (to[above] as number) + reach <= x0) above++;
    for (let i = above; row[i] === y - 1 && (from[i] as number) < x1 + reach; i++) {
      const [a, b] = [rootOf(part, i), rootOf(part, at)];
      part[Math.max(a, b)] = Math.min(a, b);
    }
    at++;
  });
  for (let i = 0; i < count; i++) part[i] = rootOf(part, i);
  return runs;
}

/** Set the runs of the chosen parts to `value`. Returns the area to redraw. */
function repaint(mask: Mask, runs: Runs, isChosen: (part: number) => boolean, value: 0 | 1): Rect {
  let rect = EMPTY_RECT;
  for (let i = 0; i < runs.part.length; i++) {
    if (!isChosen(runs.part[i] as number)) continue;
    const [x0, x1, y] = [runs.from[i] as number, runs.to[i] as number, runs.row[i] as number];
    mask.data.fill(value, y * mask.width + x0, y * mask.width + x1);
    rect = joinRects(rect, { x0, y0: y, x1, y1: y + 1 });
  }
  return rect;
}

/**
 * Fill the holes of the mask. A hole is a part outside the mask, connected by sides, that reaches
 * neither the film's edge nor beyond the mask's bounding rectangle. Returns the area to redraw.
 */
export function fillHoles(mask: Mask): Rect {
  const rect = growRect(boundsOf(mask), 1, mask);
  const runs = findParts(mask, rect, 0, 0);
  const { from, to, row, part } = runs;
  const isOpen = new Uint8Array(part.length);
  for (let i = 0; i < part.length; i++)
    if (from[i] === rect.x0 || to[i] === rect.x1 || row[i] === rect.y0 || row[i] === rect.y1 - 1)
      isOpen[part[i] as number] = 1;
  return repaint(mask, runs, (part) => isOpen[part] === 0, 1);
}

/**
 * Remove the parts, connected by sides or corners, that have fewer pixels than a share of the
 * image. Returns the area to redraw.
 */
export function removeIslands(mask: Mask, share = SMALLEST_SHARE): Rect {
  const least = Math.max(1, Math.round(share * mask.data.length));
  const runs = findParts(mask, boundsOf(mask), 1, 1);
  const { from, to, part } = runs;
  const pixels = new Int32Array(part.length);
  for (let i = 0; i < part.length; i++)
    pixels[part[i] as number] =
      (pixels[part[i] as number] as number) + (to[i] as number) - (from[i] as number);
  return repaint(mask, runs, (part) => (pixels[part] as number) < least, 0);
}
