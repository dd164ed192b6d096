/** Where the zones of the lungs meet. The server decides that; the editor only draws it. */

import type { Border, Case, Lung } from "../../api/types";
import type { Mask, Rect } from "../../mask/bitmap";

export const ZONES = ["upper", "middle", "lower"] as const;
type Side = "right" | "left";

/** A line along the upper edge of a row of the image, from its column `x0` up to `x1`. */
export type ZoneLine = { readonly row: number; readonly x0: number; readonly x1: number };
/** Where a zone lies on the image, for its name to stand beside. */
export type ZonePlace = {
  readonly side: Side;
  readonly zone: (typeof ZONES)[number];
  readonly rect: Rect;
};

const bordered = (current: Case | null): readonly Lung[] =>
  (current?.findings?.lungs ?? []).filter((lung) => lung.borders?.length === ZONES.length - 1);

export function zoneBorders(current: Case | null): readonly Border[] {
  return bordered(current).flatMap((lung) => lung.borders ?? []);
}

/** The borders as far as the lungs reach. */
export function zoneLines(lung: Mask, borders: readonly Border[]): readonly ZoneLine[] {
  const lines: ZoneLine[] = [];
  for (const { row, left, right } of borders) {
    if (row >= lung.height) continue;
    const end = Math.min(right, lung.width);
    let from = left;
    for (let x = left; x <= end; x++) {
      if (x < end && lung.data[row * lung.width + x]) continue;
      if (x > from) lines.push({ row, x0: from, x1: x });
      from = x + 1;
    }
  }
  return lines;
}

/** Thirds of a lung are of one height: what lies between its two borders says how high. */
export function zonePlaces(current: Case | null): readonly ZonePlace[] {
  return bordered(current).flatMap(({ name, borders = [] }) => {
    const [first, second] = borders as [Border, Border];
    const rows = second.row - first.row;
    const x0 = Math.min(first.left, second.left);
    const x1 = Math.max(first.right, second.right);
    const rects = [
      { x0: first.left, x1: first.right, y0: first.row - rows, y1: first.row },
      { x0, x1, y0: first.row, y1: second.row },
      { x0: second.left, x1: second.right, y0: second.row, y1: second.row + rows },
    ] as const;
    const side = name as Side;
    return ZONES.map((zone, index) => ({ side, zone, rect: rects[index] as Rect }));
  });
}
