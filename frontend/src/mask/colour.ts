/**
 * The 256 colours of a probability map over a grey film. A higher probability is lighter and more
 * opaque, so the film stays visible where the probability is low.
 */

import type { ByteMap } from "./probability";

export type Rgb = readonly [number, number, number];

/** Nine stops of matplotlib's inferno (CC0), whose lightness rises evenly. */
const INFECTION: readonly Rgb[] = [
  [0, 0, 4],
  [31, 12, 72],
  [85, 15, 109],
  [136, 34, 106],
  [186, 54, 85],
  [227, 89, 51],
  [249, 140, 10],
  [249, 201, 50],
  [252, 255, 164],
];
/** For the networks' spread: greens and blues, which the infection map does not use. */
const SPREAD: readonly Rgb[] = [
  [0, 18, 30],
  [0, 70, 96],
  [0, 128, 140],
  [60, 190, 160],
  [214, 255, 214],
];
const MOST_OPAQUE = 0.62;

function blend(stops: readonly Rgb[], part: number): Rgb {
  const at = part * (stops.length - 1);
  const index = Math.min(Math.floor(at), stops.length - 2);
  const from = stops[index] as Rgb;
  const to = stops[index + 1] as Rgb;
  const mix = (channel: 0 | 1 | 2) =>
    Math.round(from[channel] + (to[channel] - from[channel]) * (at - index));
  return [mix(0), mix(1), mix(2)];
}

/** A colour 0xAABBGGRR for each probability from 0 to 255. From `full` on it is the last colour. */
function colourTable(stops: readonly Rgb[], full: number): Uint32Array {
  const table = new Uint32Array(256);
  for (let value = 1; value < 256; value++) {
    const part = Math.min(1, value / full);
    const [red, green, blue] = blend(stops, part);
    const alpha = Math.round(255 * MOST_OPAQUE * part);
    table[value] = ((alpha << 24) | (blue << 16) | (green << 8) | red) >>> 0;
  }
  return table;
}

export const INFECTION_COLOURS = colourTable(INFECTION, 255);
/** The largest spread: two networks that say 0 and 255 both differ by 127.5 from their mean. */
export const SPREAD_COLOURS = colourTable(SPREAD, 128);

/** Write the colour of every value of a map into `out`, one 32-bit colour for each pixel. */
export function paintMap(map: ByteMap, table: Uint32Array, out: Uint32Array): void {
  for (let i = 0; i < map.data.length; i++) out[i] = table[map.data[i] as number] as number;
}
