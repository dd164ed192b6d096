/** The difference of two masks, as two masks: the added pixels and the removed pixels. */

import { createMask, type Mask, type Rect } from "./bitmap";
import { alignRect } from "./bits";
import { quadsOf } from "./quads";

export type Difference = { readonly added: Mask; readonly removed: Mask };

export function createDifference({ width, height }: Mask): Difference {
  return { added: createMask(width, height), removed: createMask(width, height) };
}

/** Update the difference of `mine` from `base` inside a rectangle. */
export function compareInto(
  { added, removed }: Difference,
  mine: Mask,
  base: Mask,
  within: Rect,
): void {
  const rect = alignRect(within, mine);
  const [mineWords, baseWords, addedWords, removedWords] = [
    quadsOf(mine),
    quadsOf(base),
    quadsOf(added),
    quadsOf(removed),
  ] as const;
  for (let y = rect.y0; y < rect.y1; y++) {
    const end = y * mine.width + rect.x1;
    for (let at = y * mine.width + rect.x0; at < end; )
      if (at % 4 === 0 && at + 4 <= end) {
        const word = at >> 2;
        const other = (mineWords[word] as number) ^ (baseWords[word] as number);
        addedWords[word] = other & (mineWords[word] as number);
        removedWords[word] = other & (baseWords[word] as number);
        at += 4;
      } else {
        const other = (mine.data[at] as number) ^ (base.data[at] as number);
        added.data[at] = other & (mine.data[at] as number);
        removed.data[at] = other & (base.data[at] as number);
        at++;
      }
  }
}
