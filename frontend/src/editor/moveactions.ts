/** The actions that move the film by keys; a control that has the focus keeps these keys. */

import type { Unnamed } from "./action";
import { panBy, type Size, screenPoint, type Viewport, zoomAt } from "./viewport";

const STEP_PX = 60;
const ZOOM_STEP = 1.25;

type Move = (view: Viewport, image: Size) => Viewport;

function move(id: Unnamed["id"], key: string, moved: Move): Unnamed {
  return {
    id,
    keys: [key],
    place: "help",
    repeats: true,
    perform: (verbs, { view, current }) => {
      if (current) verbs.setView(moved(view, current.image));
    },
  };
}

/** The way is the eye's: to see what lies further right, the film goes left. */
const look = (id: Unnamed["id"], key: string, right: number, down: number): Unnamed =>
  move(id, key, (view, image) => panBy(view, -right * STEP_PX, -down * STEP_PX, image));

const zoom = (id: Unnamed["id"], key: string, factor: number): Unnamed =>
  move(id, key, (view, image) => {
    const middle = screenPoint(view.screen.width / 2, view.screen.height / 2);
    return zoomAt(view, middle, factor, image);
  });

export const MOVES: readonly Unnamed[] = [
  look("look-left", "ArrowLeft", -1, 0),
  look("look-right", "ArrowRight", 1, 0),
  look("look-up", "ArrowUp", 0, -1),
  look("look-down", "ArrowDown", 0, 1),
  zoom("zoom-in", "PageUp", ZOOM_STEP),
  zoom("zoom-out", "PageDown", 1 / ZOOM_STEP),
];
