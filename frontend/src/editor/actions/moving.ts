/**
 * The actions that move the film by keys, and the keyboard's cross over it; a control that has the
 * focus keeps these keys.
 */

import { LONG_STEP, WAYS, type Way } from "../drawing/cross";
import { isCrossShown, isFilmHeld } from "../drawing/state";
import { dragWindow } from "../film/film";
import { wayInFrame } from "../film/orientation";
import { imagePoint, imageToScreen, panBy, screenPoint, zoomAt } from "../film/viewport";
import type { Unnamed } from "./action";
import type { ActionHandlers } from "./handlers";
import type { RoomState } from "./state";

const STEP_PX = 60;
const ZOOM_STEP = 1.25;

const windows = (state: RoomState) => state.cross !== null && state.tool === "window";

/** While the cross is shown, an arrow moves it or sets the window; otherwise it moves the view. */
function steer(
  handlers: ActionHandlers,
  state: RoomState,
  { right, down }: Way,
  steps: number,
): void {
  const { current, view, window, orientation } = state;
  if (!current) return;
  if (isCrossShown(state)) handlers.moveCross(right * steps, down * steps);
  else if (windows(state))
    handlers.setWindow(dragWindow(window, right * steps, down * steps, current.image.bits), false);
  else if (!isFilmHeld(state)) {
    const { x, y } = wayInFrame(orientation, right * STEP_PX, down * STEP_PX);
    handlers.setView(panBy(view, -x, -y, current.image));
  }
}

const arrow = (id: Unnamed["id"], key: keyof typeof WAYS): Unnamed => ({
  id,
  keys: [key],
  place: "help",
  repeats: true,
  perform: (handlers, state) => steer(handlers, state, WAYS[key] as Way, 1),
});

const longArrow = (id: Unnamed["id"], key: keyof typeof WAYS): Unnamed => ({
  id,
  keys: [`Shift+${key}`],
  place: "help",
  repeats: true,
  isEnabled: (state) => isCrossShown(state) || windows(state),
  perform: (handlers, state) => steer(handlers, state, WAYS[key] as Way, LONG_STEP),
});

/** About the cross, where it is; else about the middle of the screen. */
const zoom = (id: Unnamed["id"], key: string, factor: number): Unnamed => ({
  id,
  keys: [key],
  place: "help",
  repeats: true,
  perform: (handlers, state) => {
    const { current, view, cross } = state;
    if (!current || isFilmHeld(state)) return;
    const { width, height } = view.screen;
    const at =
      cross && isCrossShown(state)
        ? imageToScreen(view, imagePoint(cross.at.x, cross.at.y))
        : screenPoint(width / 2, height / 2);
    handlers.setView(zoomAt(view, at, factor, current.image));
  },
});

export const MOVES: readonly Unnamed[] = [
  arrow("look-left", "ArrowLeft"),
  arrow("look-right", "ArrowRight"),
  arrow("look-up", "ArrowUp"),
  arrow("look-down", "ArrowDown"),
  zoom("zoom-in", "PageUp", ZOOM_STEP),
  zoom("zoom-out", "PageDown", 1 / ZOOM_STEP),
  {
    id: "cross",
    keys: ["."],
    place: "help",
    isEnabled: (state) => state.current !== null,
    perform: (handlers) => handlers.toggleCross(),
  },
  {
    id: "press-cross",
    keys: [" "],
    place: "help",
    isEnabled: isCrossShown,
    perform: (handlers) => handlers.pressCross(),
  },
  longArrow("cross-left", "ArrowLeft"),
  longArrow("cross-right", "ArrowRight"),
  longArrow("cross-up", "ArrowUp"),
  longArrow("cross-down", "ArrowDown"),
];
