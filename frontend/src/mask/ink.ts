/** What a shape leaves in the pixels it covers. A shape gives its runs, one row at a time. */

import type { Mask } from "./bitmap";

/** `from` and `to` are indices into the mask's data, half-open, in one row. */
export type Ink = (from: number, to: number) => void;

export function solidInk(mask: Mask, value: 0 | 1): Ink {
  return (from, to) => void mask.data.fill(value, from, to);
}
