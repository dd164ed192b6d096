/**
 * Rectangles of a mask packed to one bit a pixel, for undo entries and for the journal. The loops
 * are written out: one shared visitor took three times as long, and the journal has 50 ms.
 */

import type { Mask, Rect } from "./bitmap";

export type Patch = { readonly rect: Rect; readonly bits: Uint8Array<ArrayBuffer> };

/** Rows are padded to whole bytes. */
function strideOf(rect: Rect): number {
  return (rect.x1 - rect.x0 + 7) >> 3;
}

/** What a rectangle of the mask holds now. */
export function takePatch(mask: Mask, rect: Rect): Patch {
  const stride = strideOf(rect);
  const bits = new Uint8Array(stride * Math.max(0, rect.y1 - rect.y0));
  const { data, width } = mask;
  for (let y = rect.y0; y < rect.y1; y++) {
    const row = y * width;
    let out = (y - rect.y0) * stride;
    for (let x = rect.x0; x < rect.x1; x += 8, out++) {
      const end = Math.min(8, rect.x1 - x);
      let byte = 0;
      for (let i = 0; i < end; i++) byte |= (data[row + x + i] as number) << (7 - i);
      bits[out] = byte;
    }
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
  const stride = strideOf(rect);
  const bits = new Uint8Array(stride * Math.max(0, rect.y1 - rect.y0));
  const { width } = a;
  for (let y = rect.y0; y < rect.y1; y++) {
    const row = y * width;
    let out = (y - rect.y0) * stride;
    for (let x = rect.x0; x < rect.x1; x += 8, out++) {
      const end = Math.min(8, rect.x1 - x);
      let byte = 0;
      for (let i = 0; i < end; i++) {
        const at = row + x + i;
        byte |= ((a.data[at] as number) ^ (b.data[at] as number)) << (7 - i);
      }
      bits[out] = byte;
    }
  }
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
