/**
 * A mask: one byte for each pixel, 0 or 1, row by row. Creates, copies, counts and compares masks.
 */

import { quadsOf } from "./quads";

export type Mask = {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array<ArrayBuffer>;
};

/** Half-open: x0 <= x < x1. An empty rectangle has x1 <= x0 or y1 <= y0. */
export type Rect = {
  readonly x0: number;
  readonly y0: number;
  readonly x1: number;
  readonly y1: number;
};

export const EMPTY_RECT: Rect = { x0: 0, y0: 0, x1: 0, y1: 0 };

export function createMask(width: number, height: number): Mask {
  return { width, height, data: new Uint8Array(width * height) };
}

export function copyMask(mask: Mask): Mask {
  return { ...mask, data: mask.data.slice() };
}

export function wholeRect(mask: { width: number; height: number }): Rect {
  return { x0: 0, y0: 0, x1: mask.width, y1: mask.height };
}

export function isEmptyRect(rect: Rect): boolean {
  return rect.x1 <= rect.x0 || rect.y1 <= rect.y0;
}

export function joinRects(a: Rect, b: Rect): Rect {
  if (isEmptyRect(a)) return b;
  if (isEmptyRect(b)) return a;
  return {
    x0: Math.min(a.x0, b.x0),
    y0: Math.min(a.y0, b.y0),
    x1: Math.max(a.x1, b.x1),
    y1: Math.max(a.y1, b.y1),
  };
}

export function clipRect(a: Rect, b: Rect): Rect {
  const rect = {
    x0: Math.max(a.x0, b.x0),
    y0: Math.max(a.y0, b.y0),
    x1: Math.min(a.x1, b.x1),
    y1: Math.min(a.y1, b.y1),
  };
  return isEmptyRect(rect) ? EMPTY_RECT : rect;
}

export function countSet(mask: Mask): number {
  let count = 0;
  const { data } = mask;
  for (let i = 0; i < data.length; i++) count += data[i] as number;
  return count;
}

export function isBlank(mask: Mask): boolean {
  return mask.data.indexOf(1) < 0;
}

export function copyRect(from: Mask, to: Mask, rect: Rect): void {
  for (let y = rect.y0; y < rect.y1; y++) {
    const start = y * from.width + rect.x0;
    to.data.set(from.data.subarray(start, start + rect.x1 - rect.x0), start);
  }
}

/** Count the set pixels of a word, which holds four pixels. */
const countWord = (word: number): number => Math.imul(word, 0x01010101) >>> 24;

/** `added`: pixels that only the first mask has. `removed`: pixels that only the second has. */
export type Overlap = { readonly added: number; readonly removed: number; readonly dice: number };

/**
 * Return how two masks differ. For display only: the server computes the numbers that are stored.
 */
export function overlap(a: Mask, b: Mask): Overlap {
  let both = 0;
  let countA = 0;
  let countB = 0;
  const [inA, inB] = [quadsOf(a), quadsOf(b)];
  for (let i = 0; i < inA.length; i++) {
    const wordA = inA[i] as number;
    const wordB = inB[i] as number;
    if ((wordA | wordB) === 0) continue;
    both += countWord(wordA & wordB);
    countA += countWord(wordA);
    countB += countWord(wordB);
  }
  for (let i = 4 * inA.length; i < a.data.length; i++) {
    const pa = a.data[i] as number;
    const pb = b.data[i] as number;
    both += pa & pb;
    countA += pa;
    countB += pb;
  }
  const sum = countA + countB;
  const dice = sum === 0 ? Number.NaN : (2 * both) / sum;
  return { added: countA - both, removed: countB - both, dice };
}

/**
 * Return a short fingerprint of the content (two interleaved FNV-1a). It identifies our own saves.
 */
export function fingerprint(mask: Mask): string {
  let a = 0x811c9dc5;
  let b = 0x01000193;
  let run = 0;
  let last = 0;
  const mix = (value: number) => {
    a = Math.imul(a ^ value, 0x01000193) >>> 0;
    b = Math.imul(b ^ (value + 0x9e3779b9), 0x85ebca6b) >>> 0;
  };
  const { data } = mask;
  const words = quadsOf(mask);
  for (let at = 0; at < data.length; ) {
    // Most words continue the run. Only a word at an edge is read pixel by pixel.
    if (at % 4 === 0 && words[at >> 2] === last * 0x01010101) {
      run += 4;
      at += 4;
      continue;
    }
    const bit = data[at++] as number;
    if (bit === last) run++;
    else {
      mix(run);
      run = 1;
      last = bit;
    }
  }
  mix(run);
  return `${mask.width}x${mask.height}-${a.toString(16)}${b.toString(16)}`;
}
