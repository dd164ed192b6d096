/**
 * How the film is turned on the screen: by quarters, and then mirrored, as the reader sees it.
 * Masks, drawings and the `Viewport` stay in the film's own frame; only here does that frame meet
 * the stage on which it is seen.
 */

import { words } from "../../words";
import { type ScreenPoint, type Size, screenPoint } from "./viewport";

export type Orientation = {
  /** Quarter turns clockwise. */
  readonly turns: 0 | 1 | 2 | 3;
  /** Mirrored left to right after the turn. */
  readonly isMirrored: boolean;
};

export const UPRIGHT: Orientation = { turns: 0, isMirrored: false };

/** A point of the stage as it is seen, in CSS pixels from its upper left corner. */
export type StagePoint = { readonly x: number; readonly y: number; readonly space: "stage" };

export const stagePoint = (x: number, y: number): StagePoint => ({ x, y, space: "stage" });

/** A quarter clockwise, as it is seen: a mirrored film turns the other way in its own frame. */
export function rotated({ turns, isMirrored }: Orientation): Orientation {
  return { turns: ((turns + (isMirrored ? 3 : 1)) % 4) as Orientation["turns"], isMirrored };
}

/** Left and right exchanged, as they are seen. */
export function flipped({ turns, isMirrored }: Orientation): Orientation {
  return { turns, isMirrored: !isMirrored };
}

/** The film's frame that fills a stage when it is turned; and the stage that a frame fills. */
export function turnedSize({ turns }: Orientation, { width, height }: Size): Size {
  return turns % 2 ? { width: height, height: width } : { width, height };
}

/** As CSS writes it: x' = a x + c y + e, y' = b x + d y + f. */
export type Matrix = readonly [number, number, number, number, number, number];

const ROTATIONS = [
  [1, 0, 0, 1],
  [0, 1, -1, 0],
  [-1, 0, 0, -1],
  [0, -1, 1, 0],
] as const;

/** From the frame to the stage, whose upper left corner both share. */
export function toStage(orientation: Orientation, frame: Size): Matrix {
  const sign = orientation.isMirrored ? -1 : 1;
  const [turnedA, b, turnedC, d] = ROTATIONS[orientation.turns];
  const [a, c] = [sign * turnedA, sign * turnedC];
  const e = Math.max(0, -a) * frame.width + Math.max(0, -c) * frame.height;
  const f = Math.max(0, -b) * frame.width + Math.max(0, -d) * frame.height;
  return [a, b, c, d, e, f];
}

export function frameToStage(
  orientation: Orientation,
  frame: Size,
  { x, y }: ScreenPoint,
): StagePoint {
  const [a, b, c, d, e, f] = toStage(orientation, frame);
  return stagePoint(a * x + c * y + e, b * x + d * y + f);
}

export function stageToFrame(
  orientation: Orientation,
  frame: Size,
  { x, y }: StagePoint,
): ScreenPoint {
  const [a, b, c, d, e, f] = toStage(orientation, frame);
  // A turn and a mirror are undone by the matrix with rows and columns exchanged.
  return screenPoint(a * (x - e) + b * (y - f), c * (x - e) + d * (y - f));
}

/** Turn a movement across the stage into the film's own frame. */
export function wayInFrame(orientation: Orientation, right: number, down: number) {
  const [a, b, c, d] = toStage(orientation, { width: 0, height: 0 });
  return { x: a * right + b * down, y: c * right + d * down };
}

/** What a reader must know before saying left or right; nothing while the film is as it was taken. */
export function orientationWords({ turns, isMirrored }: Orientation): string {
  return words.hud.turned(90 * turns, isMirrored);
}
