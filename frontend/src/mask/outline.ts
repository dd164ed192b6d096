/**
 * Paints the fill and the outline of a mask in device pixels. So the line is equally thin at 25 %
 * and at 400 %, and a hole of one image pixel is visible when the whole film is shown.
 */

import type { Mask, Rect } from "./bitmap";
import { quadsOf } from "./quads";

/** Device pixels: `scale` per image pixel; (x, y) is the image's corner. */
export type Placement = { readonly scale: number; readonly x: number; readonly y: number };

export type OverlayStyle = {
  /** Colours as a canvas stores them: 0xAABBGGRR. */
  readonly fill: number;
  readonly line: number;
  readonly thickness: number;
};

/** How much of a device pixel is in the mask. The lowest bit: any part of it. */
const NONE = 0;
const PART = 1;
const FULL = 3;

/** `width` is a multiple of four, so that four codes can be read as one word. */
type Coverage = { codes: Uint8Array<ArrayBuffer>; width: number; height: number };

/** The first image index under each device pixel from `from` on, and one more for the end. */
function indexEdges(from: number, count: number, offset: number, scale: number): Int32Array {
  const edges = new Int32Array(count + 1);
  const half = scale >= 1 ? 0.5 : 0;
  for (let i = 0; i <= count; i++) edges[i] = Math.floor((from + i + half - offset) / scale);
  return edges;
}

function coverNearest(mask: Mask, xs: Int32Array, ys: Int32Array, out: Coverage): void {
  for (let row = 0; row < out.height; row++) {
    const y = ys[row] as number;
    if (y < 0 || y >= mask.height) continue;
    const start = y * mask.width;
    for (let col = 0; col < out.width; col++) {
      const x = xs[col] as number;
      if (x >= 0 && x < mask.width && mask.data[start + x]) out.codes[row * out.width + col] = FULL;
    }
  }
}

/** The word whose four pixels are all set. */
const ALL = 0x01010101;

/**
 * Which words of a row hold the box of image pixels under each device pixel: from `first` to
 * `last`. `head` and `tail` select the pixels of the box in these two words.
 */
type Boxes = {
  readonly first: Int32Array;
  readonly last: Int32Array;
  readonly head: Int32Array;
  readonly tail: Int32Array;
};

/**
 * `left`: the first pixel of the row of words. `right`: the end of the last box. Boxes may be
 * empty.
 */
function boxesOf(xs: Int32Array, left: number, x0: number, right: number): Boxes {
  const count = xs.length - 1;
  const column = () => new Int32Array(count);
  const boxes = { first: column(), last: column(), head: column(), tail: column() };
  for (let col = 0; col < count; col++) {
    const from = Math.max(xs[col] as number, x0) - left;
    const end = Math.min(xs[col + 1] as number, right) - left - 1;
    if (end < from) continue;
    const head = (ALL << (8 * (from & 3))) & ALL;
    const tail = ALL >>> (8 * (3 - (end & 3)));
    const isOne = from >> 2 === end >> 2;
    boxes.first[col] = from >> 2;
    boxes.last[col] = end >> 2;
    boxes.head[col] = isOne ? head & tail : head;
    boxes.tail[col] = isOne ? head & tail : tail;
  }
  return boxes;
}

/**
 * Code each device pixel by its box of image pixels: none, a part or all of them in the mask. First
 * the rows of a box are joined, four pixels at a time, then its columns.
 */
function coverBoxes(mask: Mask, xs: Int32Array, ys: Int32Array, out: Coverage): void {
  const x0 = Math.max(xs[0] as number, 0);
  const x1 = Math.min(xs[out.width] as number, mask.width);
  if (x1 <= x0) return;
  // Rows that begin at a word are read in place. Other rows are copied first.
  const isAligned = mask.width % 4 === 0;
  const left = isAligned ? x0 & ~3 : x0;
  const count = (x1 - left + 3) >> 2;
  const boxes = boxesOf(xs, left, x0, x1);
  const [some, all] = [new Int32Array(count), new Int32Array(count)];
  const whole = quadsOf(mask);
  for (let row = 0; row < out.height; row++) {
    const top = Math.max(ys[row] as number, 0);
    const bottom = Math.min(ys[row + 1] as number, mask.height);
    if (bottom <= top) continue;
    const [words, from, stride] = isAligned
      ? [whole, (top * mask.width + left) >> 2, mask.width >> 2]
      : [copyRows(mask, left, x1, top, bottom), 0, count];
    if (joinRows(words, from, stride, bottom - top, some, all)) codeRow(boxes, some, all, row, out);
  }
}

/** Copy rows of pixels so that each of them begins at a word. */
function copyRows(mask: Mask, x0: number, x1: number, top: number, bottom: number): Int32Array {
  const stride = (x1 - x0 + 3) & ~3;
  const pixels = new Uint8Array(stride * (bottom - top));
  for (let y = top; y < bottom; y++) {
    const start = y * mask.width;
    pixels.set(mask.data.subarray(start + x0, start + x1), (y - top) * stride);
  }
  return new Int32Array(pixels.buffer);
}

/**
 * Find the pixels that are set in at least one row, and in all rows. Returns false if there are
 * none. One pass takes four rows, and repeats the last row if there are fewer. A whole film that is
 * fitted to the screen rarely needs a second pass.
 */
function joinRows(
  words: Int32Array,
  from: number,
  stride: number,
  rows: number,
  some: Int32Array,
  all: Int32Array,
): boolean {
  const second = from + Math.min(1, rows - 1) * stride;
  const third = from + Math.min(2, rows - 1) * stride;
  const fourth = from + Math.min(3, rows - 1) * stride;
  let isAny = 0;
  for (let i = 0; i < some.length; i++) {
    const a = words[from + i] as number;
    const b = words[second + i] as number;
    const c = words[third + i] as number;
    const d = words[fourth + i] as number;
    some[i] = a | b | c | d;
    all[i] = a & b & c & d;
    isAny |= some[i] as number;
  }
  for (let row = 4; row < rows; row++)
    for (let i = 0, at = from + row * stride; i < some.length; i++, at++) {
      some[i] = (some[i] as number) | (words[at] as number);
      all[i] = (all[i] as number) & (words[at] as number);
      isAny |= some[i] as number;
    }
  return isAny !== 0;
}

function codeRow(
  boxes: Boxes,
  some: Int32Array,
  all: Int32Array,
  row: number,
  out: Coverage,
): void {
  const { first, last, head, tail } = boxes;
  let to = row * out.width;
  for (let col = 0; col < out.width; col++, to++) {
    const from = first[col] as number;
    const end = last[col] as number;
    const start = head[col] as number;
    const stop = tail[col] as number;
    let any = ((some[from] as number) & start) | ((some[end] as number) & stop);
    let missing = (~(all[from] as number) & start) | (~(all[end] as number) & stop);
    for (let i = from + 1; i < end; i++) {
      any |= some[i] as number;
      missing |= ~(all[i] as number) & ALL;
    }
    if (any !== 0) out.codes[to] = missing === 0 ? FULL : PART;
  }
}

function cover(mask: Mask, place: Placement, region: Rect): Coverage {
  const width = region.x1 - region.x0;
  const height = region.y1 - region.y0;
  const out = { codes: new Uint8Array(width * height), width, height };
  const xs = indexEdges(region.x0, width, place.x, place.scale);
  const ys = indexEdges(region.y0, height, place.y, place.scale);
  if (place.scale >= 1) coverNearest(mask, xs, ys, out);
  else coverBoxes(mask, xs, ys, out);
  return out;
}

function touchesOutside(codes: Uint8Array, at: number, stride: number, thickness: number): boolean {
  for (let d = 1; d <= thickness; d++) {
    if (
      codes[at - d] === NONE ||
      codes[at + d] === NONE ||
      codes[at - d * stride] === NONE ||
      codes[at + d * stride] === NONE
    )
      return true;
  }
  return false;
}

/** Whether all pixels around these four are in the mask, as far as the line is thick. */
function isDeep(words: Int32Array, at: number, stride: number, thickness: number): boolean {
  let every = ALL;
  const reach = wordsFor(thickness);
  for (let d = -reach; d <= reach; d++) every &= words[at + d] as number;
  for (let d = 1; d <= thickness; d++)
    every &= (words[at - d * stride] as number) & (words[at + d * stride] as number);
  return every === ALL;
}

const wordsFor = (thickness: number) => (thickness + 3) >> 2;

/**
 * Paint a region (device pixels) into `out`, row by row, one 32-bit colour for each pixel. Most
 * pixels lie far from the outline, and four of them are painted at once.
 */
export function paintOverlay(
  mask: Mask,
  place: Placement,
  region: Rect,
  { fill, line, thickness }: OverlayStyle,
  out: Uint32Array,
): void {
  const width = region.x1 - region.x0;
  const margin = 4 * wordsFor(thickness);
  const x0 = region.x0 - margin;
  const { codes, width: stride } = cover(mask, place, {
    x0,
    y0: region.y0 - thickness,
    x1: x0 + ((margin + width + margin + 3) & ~3),
    y1: region.y1 + thickness,
  });
  const words = new Int32Array(codes.buffer);
  for (let row = 0; row < region.y1 - region.y0; row++) {
    let at = (row + thickness) * stride + margin;
    const end = (row + 1) * width;
    for (let to = row * width; to < end; to += 4, at += 4) {
      const four = words[at >> 2] as number;
      const past = Math.min(to + 4, end);
      const isInside = four === FULL * ALL && isDeep(words, at >> 2, stride >> 2, thickness);
      if (isInside || four === NONE) {
        const colour = isInside ? fill : 0;
        for (let i = to; i < past; i++) out[i] = colour;
        continue;
      }
      for (let i = 0; to + i < past; i++) {
        const code = codes[at + i];
        const isLine = code === PART || touchesOutside(codes, at + i, stride, thickness);
        out[to + i] = code === NONE ? 0 : isLine ? line : fill;
      }
    }
  }
}

/** Return the device pixels that show a rectangle of the image, with the line around it. */
export function deviceRect(rect: Rect, place: Placement, thickness: number): Rect {
  const room = thickness + 1;
  return {
    x0: Math.floor(rect.x0 * place.scale + place.x) - room,
    y0: Math.floor(rect.y0 * place.scale + place.y) - room,
    x1: Math.ceil(rect.x1 * place.scale + place.x) + room,
    y1: Math.ceil(rect.y1 * place.scale + place.y) + room,
  };
}
