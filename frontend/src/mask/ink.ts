/** What a shape leaves in the pixels it covers. A shape gives its runs, one row at a time. */

import type { Mask } from "./bitmap";

/** `from` and `to` are indices into the mask's data, half-open, in one row. */
export type Ink = (from: number, to: number) => void;

export function solidInk(mask: Mask, value: 0 | 1): Ink {
  return (from, to) => void mask.data.fill(value, from, to);
}

/** What another mask of the same size has there, set or not. */
export function copyInk(from: Mask, to: Mask): Ink {
  return (start, end) => to.data.set(from.data.subarray(start, end), start);
}

/** Only where the film, in its own values, is at least `floor`. */
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
