/** What a shape writes into the pixels that it covers. A shape gives its runs row by row. */

import type { Mask } from "./bitmap";

/** `from` and `to` are indices into the mask's data and lie in one row. `to` is not included. */
export type Ink = (from: number, to: number) => void;

export function solidInk(mask: Mask, value: 0 | 1): Ink {
  return (from, to) => void mask.data.fill(value, from, to);
}

/** Copy these pixels from another mask of the same size, set or not. */
export function copyInk(from: Mask, to: Mask): Ink {
  return (start, end) => to.data.set(from.data.subarray(start, end), start);
}

/** Set only the pixels whose film value is at least `floor`. */
export function brightInk(
  mask: Mask,
  film: Uint16Array<ArrayBuffer>,
  floor: number,
  value: 0 | 1,
): Ink {
  const { data } = mask;
  return (from, to) => {
    for (let at = from; at < to; at++) if ((film[at] as number) >= floor) data[at] = value;
  };
}
