/** A stroke of the brush: each move paints, the release commits. */

import { fillCapsule, type Point } from "../mask/brush";
import type { Desk } from "./desk";
import type { Drawing } from "./outlines";

export function startStroke(desk: Desk, from: Point, radius: () => number, value: 0 | 1): Drawing {
  let last = from;
  const paint = (to: Point) => {
    desk.touch(fillCapsule(desk.mask, last, to, radius(), value));
    last = to;
  };
  paint(from);
  return { move: paint, end: desk.commit, cancel: desk.cancel, outline: () => null };
}
