/** A mask four pixels at a time: what looks at the whole of a large film must not go one by one. */

import type { Mask } from "./bitmap";

/** The mask's pixels as words of four, the first in the lowest byte; up to three may be left over. */
export function wordsOf({ data }: Mask): Int32Array<ArrayBuffer> {
  return new Int32Array(data.buffer, data.byteOffset, data.length >> 2);
}
