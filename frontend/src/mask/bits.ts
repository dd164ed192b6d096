/**
 * Rectangles of a mask packed to one bit a pixel, for undo entries and for the journal. The loops
 * are written out: one shared visitor took three times as long, and undo has 10 ms.
 */

import type { Mask, Rect } from "./bitmap";

export type Patch = { readonly rect: Rect; readonly bits: Uint8Array<ArrayBuffer> };

/** Rows are padded to whole bytes. */
function strideOf(rect: Rect): number {
  return (rect.x1 - rect.x0 + 7) >> 3;
}

/** The bytes that a rectangle's bits take. */
export function byteCount(rect: Rect): number {
  return strideOf(rect) * Math.max(0, rect.y1 - rect.y0);
}

/** What a rectangle of the mask holds now. */
export function takePatch(mask: Mask, rect: Rect): Patch {
  const bits = new Uint8Array(byteCount(rect));
  const { data, width } = mask;
  let out = 0;
  for (let y = rect.y0; y < rect.y1; y++) {
    const end = y * width + rect.x1;
    let at = y * width + rect.x0;
    for (; at + 8 <= end; at += 8)
      bits[out++] =
        ((data[at] as number) << 7) |
        ((data[at + 1] as number) << 6) |
        ((data[at + 2] as number) << 5) |
        ((data[at + 3] as number) << 4) |
        ((data[at + 4] as number) << 3) |
        ((data[at + 5] as number) << 2) |
        ((data[at + 6] as number) << 1) |
        (data[at + 7] as number);
    if (at === end) continue;
    for (let shift = 7; at < end; at++, shift--)
      bits[out] = (bits[out] as number) | ((data[at] as number) << shift);
    out++;
  }
  return { rect, bits };
}

export function putPatch(mask: Mask, patch: Patch): void {
  const { rect, bits } = patch;
  const stride = strideOf(rect);
  const { data, width } = mask;
  for (let y = rect.y0; y < rect.y1; y++) {
    const row = y * width;
    let from = (y - rect.y0) * stride;
    for (let x = rect.x0; x < rect.x1; x += 8, from++) {
      const byte = bits[from] as number;
      const end = Math.min(8, rect.x1 - x);
      for (let i = 0; i < end; i++) data[row + x + i] = (byte >> (7 - i)) & 1;
    }
  }
}

/** The difference of two masks inside a rectangle: putting it on either gives the other. */
export function takeDifference(a: Mask, b: Mask, rect: Rect): Patch {
  const { bits } = takePatch(a, rect);
  const others = takePatch(b, rect).bits;
  for (let i = 0; i < bits.length; i++) bits[i] = (bits[i] as number) ^ (others[i] as number);
  return { rect, bits };
}

export function flipDifference(mask: Mask, patch: Patch): void {
  const { rect, bits } = patch;
  const stride = strideOf(rect);
  const { data, width } = mask;
  for (let y = rect.y0; y < rect.y1; y++) {
    const row = y * width;
    let from = (y - rect.y0) * stride;
    for (let x = rect.x0; x < rect.x1; x += 8, from++) {
      const byte = bits[from] as number;
      if (byte === 0) continue;
      const end = Math.min(8, rect.x1 - x);
      for (let i = 0; i < end; i++) {
        const at = row + x + i;
        data[at] = (data[at] as number) ^ ((byte >> (7 - i)) & 1);
      }
    }
  }
}
