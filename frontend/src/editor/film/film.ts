/** The film's pixels: a pyramid of halved levels, and the window/level table. Pure; draws nothing. */

import type { GreyImage } from "../../mask/png";

export type Level = {
  readonly width: number;
  readonly height: number;
  readonly pixels: Uint16Array<ArrayBuffer>;
};

export type Film = { readonly bits: 8 | 16; readonly levels: readonly Level[] };

export type Window = { readonly center: number; readonly width: number };

const SMALLEST_SIDE = 256;

function halve(level: Level): Level {
  const width = level.width >> 1;
  const height = level.height >> 1;
  const out = new Uint16Array(width * height);
  const { pixels } = level;
  for (let y = 0; y < height; y++) {
    let top = 2 * y * level.width;
    for (let x = 0; x < width; x++, top += 2) {
      const bottom = top + level.width;
      const sum =
        (pixels[top] as number) +
        (pixels[top + 1] as number) +
        (pixels[bottom] as number) +
        (pixels[bottom + 1] as number);
      out[y * width + x] = (sum + 2) >> 2;
    }
  }
  return { width, height, pixels: out };
}

export function buildFilm(image: GreyImage): Film {
  const pixels =
    image.pixels instanceof Uint16Array ? image.pixels : Uint16Array.from(image.pixels);
  const levels: Level[] = [{ width: image.width, height: image.height, pixels }];
  for (;;) {
    const last = levels[levels.length - 1] as Level;
    if (Math.min(last.width, last.height) < 2 * SMALLEST_SIDE) break;
    levels.push(halve(last));
  }
  return { bits: image.bits === 16 ? 16 : 8, levels };
}

/**
 * Return the level to draw at `scale` device pixels per image pixel: the finest that is needed, or,
 * during a window/level drag, a level that is not finer than the screen.
 */
export function levelFor(film: Film, scale: number, isQuick: boolean): number {
  const exact = Math.log2(1 / Math.max(scale, 1e-6));
  const index = isQuick ? Math.ceil(exact - 1e-6) : Math.floor(exact);
  return Math.min(Math.max(index, 0), film.levels.length - 1);
}

/** The table from a pixel's value to an opaque grey, as the canvas stores it (little endian). */
export function greyTable(bits: 8 | 16, window: Window, isInverted: boolean): Uint32Array {
  const table = new Uint32Array(1 << bits);
  const low = window.center - window.width / 2;
  const scale = 255 / Math.max(window.width, 1);
  for (let value = 0; value < table.length; value++) {
    let grey = Math.min(255, Math.max(0, Math.round((value - low) * scale)));
    if (isInverted) grey = 255 - grey;
    table[value] = 0xff000000 | (grey << 16) | (grey << 8) | grey;
  }
  return table;
}

/** A drag across the whole screen width spans the full range of values. */
export function dragWindow(window: Window, dx: number, dy: number, bits: number): Window {
  const full = 2 ** bits;
  const step = Math.max(full / 4096, window.width / 400);
  return {
    width: Math.min(Math.max(window.width + dx * step, 2), 2 * full),
    center: Math.min(Math.max(window.center - dy * step, 0), full),
  };
}
