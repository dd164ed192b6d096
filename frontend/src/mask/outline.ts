/**
 * The mask as the screen shows it: fill and outline computed in device pixels, so that a line is
 * as thin at 25 % as at 400 %, and a hole of one image pixel is still seen at fit zoom.
 */

import type { Mask, Rect } from "./bitmap";
import { wordsOf } from "./words";

/** Device pixels: `scale` per image pixel; (x, y) is the image's corner. */
export type Placement = { readonly scale: number; readonly x: number; readonly y: number };

export type OverlayStyle = {
  /** Colours as a canvas stores them: 0xAABBGGRR. */
  readonly fill: number;
  readonly line: number;
  readonly thickness: number;
};

const NONE = 0;
const PART = 1;
const FULL = 2;

type Coverage = { codes: Uint8Array; width: number; height: number };

/** First image index under each device pixel from `from`, one more entry than pixels. */
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

/**
 * A device pixel shows the box of image pixels under it: none, part or all of it in the mask. The
 * rows of a box are joined four pixels at a time, and only then is it looked at across.
 */
function coverBoxes(mask: Mask, xs: Int32Array, ys: Int32Array, out: Coverage): void {
  const x0 = Math.max(xs[0] as number, 0);
  const x1 = Math.min(xs[out.width] as number, mask.width);
  if (x1 <= x0) return;
  // Rows that begin at a word are read where they lie, others are copied first.
  const isAligned = mask.width % 4 === 0;
  const left = isAligned ? x0 & ~3 : x0;
  const words = (x1 - left + 3) >> 2;
  const [copied, some, all] = [0, 1, 2].map(() => new Int32Array(words)) as [Row, Row, Row];
  const pixels = new Uint8Array(copied.buffer);
  const whole = wordsOf(mask);
  for (let row = 0; row < out.height; row++) {
    const top = Math.max(ys[row] as number, 0);
    const bottom = Math.min(ys[row + 1] as number, mask.height);
    if (bottom <= top) continue;
    some.fill(0);
    all.fill(0x01010101);
    for (let y = top; y < bottom; y++) {
      const start = y * mask.width;
      if (!isAligned) pixels.set(mask.data.subarray(start + left, start + x1));
      const line = isAligned
        ? whole.subarray((start + left) >> 2, ((start + left) >> 2) + words)
        : copied;
      for (let i = 0; i < words; i++) {
        const four = line[i] as number;
        some[i] = (some[i] as number) | four;
        all[i] = (all[i] as number) & four;
      }
    }
    codeRow(xs, left, x1, new Uint8Array(some.buffer), new Uint8Array(all.buffer), row, out);
  }
}

type Row = Int32Array<ArrayBuffer>;

function codeRow(
  xs: Int32Array,
  left: number,
  x1: number,
  some: Uint8Array,
  all: Uint8Array,
  row: number,
  out: Coverage,
): void {
  for (let col = 0; col < out.width; col++) {
    const right = Math.min(xs[col + 1] as number, x1) - left;
    let any = 0;
    let every = 1;
    for (let x = Math.max(xs[col] as number, left) - left; x < right; x++) {
      any |= some[x] as number;
      every &= all[x] as number;
    }
    if (any) out.codes[row * out.width + col] = every ? FULL : PART;
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

/** Paint a region (device pixels) into `out`, row by row, one 32-bit colour a pixel. */
export function paintOverlay(
  mask: Mask,
  place: Placement,
  region: Rect,
  style: OverlayStyle,
  out: Uint32Array,
): void {
  const margin = style.thickness;
  const wide = {
    x0: region.x0 - margin,
    y0: region.y0 - margin,
    x1: region.x1 + margin,
    y1: region.y1 + margin,
  };
  const { codes, width: stride } = cover(mask, place, wide);
  const width = region.x1 - region.x0;
  for (let row = 0; row < region.y1 - region.y0; row++) {
    let at = (row + margin) * stride + margin;
    for (let col = 0; col < width; col++, at++) {
      const code = codes[at];
      if (code === NONE) out[row * width + col] = 0;
      else if (code === PART || touchesOutside(codes, at, stride, margin))
        out[row * width + col] = style.line;
      else out[row * width + col] = style.fill;
    }
  }
}

/** The device pixels that show a rectangle of the image, with room for the line around it. */
export function deviceRect(rect: Rect, place: Placement, thickness: number): Rect {
  const room = thickness + 1;
  return {
    x0: Math.floor(rect.x0 * place.scale + place.x) - room,
    y0: Math.floor(rect.y0 * place.scale + place.y) - room,
    x1: Math.ceil(rect.x1 * place.scale + place.x) + room,
    y1: Math.ceil(rect.y1 * place.scale + place.y) + room,
  };
}
