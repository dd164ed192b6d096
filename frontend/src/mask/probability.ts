/** Turns a probability map of bytes into a mask, by the same integer arithmetic as the server. */

import type { Mask } from "./bitmap";

export type ByteMap = {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array<ArrayBuffer>;
};

type Axis = { first: Int32Array; second: Int32Array; weight: Int32Array };

function bilinearAxis(source: number, target: number): Axis {
  const axis = {
    first: new Int32Array(target),
    second: new Int32Array(target),
    weight: new Int32Array(target),
  };
  for (let i = 0; i < target; i++) {
    const numerator = (2 * i + 1) * source - target;
    const index = Math.floor(numerator / (2 * target));
    const part = numerator - index * 2 * target;
    axis.first[i] = Math.min(Math.max(index, 0), source - 1);
    axis.second[i] = Math.min(Math.max(index + 1, 0), source - 1);
    axis.weight[i] = Math.floor((part * 256) / (2 * target));
  }
  return axis;
}

/**
 * Bilinear, from pixel centres, in integers with one rounding: the same result on every machine.
 */
export function upsampleP8(map: ByteMap, width: number, height: number): ByteMap {
  const across = bilinearAxis(map.width, width);
  const down = bilinearAxis(map.height, height);
  const out = new Uint8Array(width * height);
  const line = new Int32Array(map.width);
  for (let y = 0; y < height; y++) {
    const top = (down.first[y] as number) * map.width;
    const bottom = (down.second[y] as number) * map.width;
    const c = down.weight[y] as number;
    for (let x = 0; x < map.width; x++) {
      line[x] = (map.data[top + x] as number) * (256 - c) + (map.data[bottom + x] as number) * c;
    }
    for (let x = 0; x < width; x++) {
      const b = across.weight[x] as number;
      const left = line[across.first[x] as number] as number;
      const right = line[across.second[x] as number] as number;
      out[y * width + x] = (left * (256 - b) + right * b + 32768) >> 16;
    }
  }
  return { width, height, data: out };
}

/** Return the mask of all values from `t8` (1 to 255) on. `map` has the image's size already. */
export function thresholdMask(map: ByteMap, t8: number): Mask {
  const data = new Uint8Array(map.data.length);
  for (let i = 0; i < data.length; i++) data[i] = (map.data[i] as number) >= t8 ? 1 : 0;
  return { width: map.width, height: map.height, data };
}

/**
 * Move a mask from one threshold to another in place. Pixels that the reader changed by hand stay,
 * so that a movement of the slider never loses work.
 */
export function moveThreshold(mask: Mask, map: ByteMap, from: number, to: number): void {
  const { data } = mask;
  const values = map.data;
  for (let i = 0; i < data.length; i++) {
    const value = values[i] as number;
    const before = value >= from ? 1 : 0;
    if (data[i] === before) data[i] = value >= to ? 1 : 0;
  }
}
