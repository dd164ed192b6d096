/**
 * Packs rectangles of a mask to one bit for each pixel, for the journal. If a rectangle begins at a
 * word, eight pixels are read as two words. The loops repeat each other on purpose: one shared
 * function took three times as long.
 */

import { isEmptyRect, type Mask, type Rect } from "./bitmap";
import { quadsOf } from "./quads";

export type Patch = { readonly rect: Rect; readonly bits: Uint8Array<ArrayBuffer> };

/** Rows are padded to whole bytes. */
function strideOf(rect: Rect): number {
  return (rect.x1 - rect.x0 + 7) >> 3;
}

function byteCount(rect: Rect): number {
  return strideOf(rect) * Math.max(0, rect.y1 - rect.y0);
}

/** Return the rectangle widened to whole words, if every row of the mask begins at a word. */
export function alignRect(rect: Rect, { width }: Mask): Rect {
  if (width % 4 !== 0 || isEmptyRect(rect)) return rect;
  return { ...rect, x0: rect.x0 & ~7, x1: Math.min((rect.x1 + 7) & ~7, width) };
}

function isAtWord(rect: Rect, { width }: Mask): boolean {
  return width % 4 === 0 && rect.x0 % 4 === 0;
}

/** Return the four pixels of a word as four bits. The first pixel is the highest bit. */
const gather = (word: number) => Math.imul(word, 0x08040201) >>> 24;

/** Return the present content of a rectangle. */
export function takePatch(mask: Mask, rect: Rect): Patch {
  const bits = new Uint8Array(byteCount(rect));
  const { data, width } = mask;
  const words = quadsOf(mask);
  const byWords = isAtWord(rect, mask) ? (rect.x1 - rect.x0) >> 3 : 0;
  let out = 0;
  for (let y = rect.y0; y < rect.y1; y++) {
    const end = y * width + rect.x1;
    let at = y * width + rect.x0;
    const last = out + byWords;
    for (let word = at >> 2; out < last; word += 2, at += 8)
      bits[out++] = (gather(words[word] as number) << 4) | gather(words[word + 1] as number);
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
