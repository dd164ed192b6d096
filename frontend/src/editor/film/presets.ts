/**
 * Windows derived from the film's own values: a radiograph has no Hounsfield units, so a preset is
 * a part of the way from its 1st to its 99th percentile. Pure; draws nothing.
 */

import { clipRect, isEmptyRect, type Rect, wholeRect } from "../../mask/bitmap";
import type { Film, Level, Window } from "./film";

/** In the order in which the key goes through them. */
export const PRESETS = ["auto", "lung", "mediastinum", "bone", "full"] as const;
export type Preset = (typeof PRESETS)[number];

/** The part of the percentile window that a preset shows. Lungs are dark, bone is bright. */
export const BANDS: Readonly<Record<Exclude<Preset, "full">, readonly [number, number]>> = {
  auto: [0, 1],
  lung: [0, 0.7],
  mediastinum: [0.5, 1],
  bone: [0.3, 1],
};

const FILM_TAIL = 0.01;
/** A region was chosen for its content, so fewer of its pixels are outliers. */
const REGION_TAIL = 0.02;
const SMALLEST_WIDTH = 2;

function windowBetween(low: number, high: number): Window {
  return { center: (low + high) / 2, width: Math.max(high - low, SMALLEST_WIDTH) };
}

/** The values below which a share `tail` of the pixels lies, and above which as many do. */
function percentiles(level: Level, rect: Rect, tail: number): readonly [number, number] {
  const counts = new Uint32Array(1 << 16);
  for (let y = rect.y0; y < rect.y1; y++) {
    const end = y * level.width + rect.x1;
    for (let at = y * level.width + rect.x0; at < end; at++)
      (counts[level.pixels[at] as number] as number)++;
  }
  const total = (rect.x1 - rect.x0) * (rect.y1 - rect.y0);
  const valueAt = (share: number) => {
    let left = share * total;
    let value = 0;
    while (value < counts.length - 1 && left > (counts[value] as number))
      left -= counts[value++] as number;
    return value;
  };
  return [valueAt(tail), valueAt(1 - tail)];
}

/** All values that the film's own depth can hold: a 12-bit film stored in 16 bits has 12. */
function fullWindow({ bits, levels: [level] }: Film): Window {
  let all = 2 ** 8 - 1;
  if (bits === 16) for (const value of level?.pixels ?? []) all |= value;
  return windowBetween(0, 2 ** (32 - Math.clz32(all)) - 1);
}

export function presetWindow(film: Film, preset: Preset): Window {
  if (preset === "full") return fullWindow(film);
  // Averaged cells: noise and the letters on a film's edge weigh less there.
  const level = film.levels[film.levels.length - 1] as Level;
  const [low, high] = percentiles(level, wholeRect(level), FILM_TAIL);
  const [from, to] = BANDS[preset];
  return windowBetween(low + from * (high - low), low + to * (high - low));
}

export function nextPreset(preset: Preset | null): Preset {
  const next = preset === null ? 0 : PRESETS.indexOf(preset) + 1;
  return PRESETS[next % PRESETS.length] as Preset;
}

/** Return the window for the pixels in a rectangle; null if it lies outside the film. */
export function regionWindow(film: Film, region: Rect): Window | null {
  const level = film.levels[0] as Level;
  const rect = clipRect(region, wholeRect(level));
  return isEmptyRect(rect) ? null : windowBetween(...percentiles(level, rect, REGION_TAIL));
}
