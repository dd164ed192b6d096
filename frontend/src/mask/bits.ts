/** Rectangles of a mask packed to one bit a pixel, for undo entries and for the journal. */

import type { Mask, Rect } from "./bitmap";

export type Patch = { readonly rect: Rect; readonly bits: Uint8Array<ArrayBuffer> };

function eachPixel(rect: Rect, width: number, visit: (index: number, bit: number) => void): void {
  let bit = 0;
  for (let y = rect.y0; y < rect.y1; y++) {
    const row = y * width;
    for (let x = rect.x0; x < rect.x1; x++) visit(row + x, bit++);
  }
}

function emptyBits(rect: Rect): Uint8Array<ArrayBuffer> {
  return new Uint8Array(Math.ceil(((rect.x1 - rect.x0) * (rect.y1 - rect.y0)) / 8));
}

/** What a rectangle of the mask holds now. */
export function takePatch(mask: Mask, rect: Rect): Patch {
  const bits = emptyBits(rect);
  const { data } = mask;
  eachPixel(rect, mask.width, (index, bit) => {
    if (data[index]) bits[bit >> 3] = (bits[bit >> 3] as number) | (0x80 >> (bit & 7));
  });
  return { rect, bits };
}

export function putPatch(mask: Mask, patch: Patch): void {
  const { data } = mask;
  const { bits } = patch;
  eachPixel(patch.rect, mask.width, (index, bit) => {
    data[index] = ((bits[bit >> 3] as number) >> (7 - (bit & 7))) & 1;
  });
}

/** The difference of two masks inside a rectangle: putting it on either gives the other. */
export function takeDifference(a: Mask, b: Mask, rect: Rect): Patch {
  const bits = emptyBits(rect);
  eachPixel(rect, a.width, (index, bit) => {
    if (a.data[index] !== b.data[index])
      bits[bit >> 3] = (bits[bit >> 3] as number) | (0x80 >> (bit & 7));
  });
  return { rect, bits };
}

export function flipDifference(mask: Mask, patch: Patch): void {
  const { data } = mask;
  const { bits } = patch;
  eachPixel(patch.rect, mask.width, (index, bit) => {
    data[index] = (data[index] as number) ^ (((bits[bit >> 3] as number) >> (7 - (bit & 7))) & 1);
  });
}
