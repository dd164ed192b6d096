/** A pointer that keys move over a picture: it presses, moves and lifts there as a mouse does. */

import type { Point } from "../../mask/brush";
import type { Size } from "../film/viewport";

export type Way = { readonly right: number; readonly down: number };

/** Which way each arrow goes, as it is seen. */
export const WAYS: Readonly<Record<string, Way>> = {
  ArrowLeft: { right: -1, down: 0 },
  ArrowRight: { right: 1, down: 0 },
  ArrowUp: { right: 0, down: -1 },
  ArrowDown: { right: 0, down: 1 },
};
/** How many steps an arrow goes with Shift. */
export const LONG_STEP = 10;

/** What lies under the pointer, in the picture's pixels. */
export type Pad = {
  readonly size: () => Size;
  readonly isDown: () => boolean;
  readonly down: (at: Point) => void;
  readonly move: (at: Point) => void;
  readonly up: () => void;
  /** The cross is there now; null: it is put away. */
  readonly show: (at: Point | null) => void;
};

export function createCross(pad: Pad) {
  let at: Point | null = null;
  let last: Point | null = null;

  function goTo({ x, y }: Point): Point {
    const { width, height } = pad.size();
    const within = (value: number, most: number) => Math.min(Math.max(Math.round(value), 0), most);
    last = at = { x: within(x, width), y: within(y, height) };
    pad.show(at);
    return at;
  }

  return {
    isOut: () => at !== null,
    /** Where it was last; elsewhere, once it has forgotten that. */
    takeOut: (elsewhere: Point) => void goTo(last ?? elsewhere),
    forget: () => {
      last = null;
    },
    /** What it holds is let go as a mouse would: what was drawn so far is work. */
    putAway: () => {
      if (!at) return;
      if (pad.isDown()) pad.up();
      at = null;
      pad.show(null);
    },
    step: (dx: number, dy: number) => {
      if (at) pad.move(goTo({ x: at.x + dx, y: at.y + dy }));
    },
    /** Press, or lift what is pressed. */
    press: () => {
      if (!at) return;
      if (pad.isDown()) pad.up();
      else pad.down(at);
    },
  };
}

/**
 * The cross of a small picture, out while that has the focus. `step` says how many pixels of the
 * picture an arrow goes; `cancel` gives up what is pressed.
 */
export function listenToCross(
  canvas: HTMLCanvasElement,
  pad: Pad & { readonly step: () => number; readonly cancel: () => void },
): void {
  const cross = createCross(pad);
  const takeOut = () => {
    const { width, height } = pad.size();
    cross.takeOut({ x: width / 2, y: height / 2 });
  };

  function press(event: KeyboardEvent): void {
    if (!cross.isOut()) takeOut();
    if (!event.repeat) cross.press();
  }

  function step(way: Way, isLong: boolean): void {
    const steps = pad.step() * (isLong ? LONG_STEP : 1);
    if (cross.isOut()) cross.step(way.right * steps, way.down * steps);
    else takeOut();
  }

  canvas.addEventListener("focus", () => canvas.matches(":focus-visible") && takeOut());
  canvas.addEventListener("blur", cross.putAway);
  canvas.addEventListener("keydown", (event) => {
    const way = WAYS[event.key];
    if (way) step(way, event.shiftKey);
    else if (event.key === " " || event.key === "Enter") press(event);
    else if (event.key === "Escape" && pad.isDown()) pad.cancel();
    else return;
    event.preventDefault();
  });
}
