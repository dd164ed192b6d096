/** The keyboard's cross on the case's film. Its presses draw like those of any other pointer. */

import type { Point } from "../../mask/brush";
import { frameToStage, wayInFrame } from "../film/orientation";
import {
  imagePoint,
  imageToScreen,
  type ScreenPoint,
  screenPoint,
  screenToImage,
  showPoint,
} from "../film/viewport";
import type { Store } from "../page/store";
import { createCross } from "./cross";
import type { Gesture, Hold, Place } from "./gestures";
import type { Polygon } from "./outlines";
import { type DrawingState, isCrossShown } from "./state";

/** When the cross is this near the edge of the stage, the film moves. In CSS pixels. */
const MARGIN_PX = 48;

export type CrossInput = ReturnType<typeof createCrossInput>;

export function createCrossInput(
  store: Store<DrawingState>,
  hold: Hold,
  polygon: Polygon,
  draw: (at: Place) => Gesture | null,
) {
  function placeAt(on: Point): Place {
    const { orientation, view } = store.get();
    const at = imageToScreen(view, imagePoint(on.x, on.y));
    return { on, at, seen: frameToStage(orientation, view.screen, at) };
  }

  const cross = createCross({
    size: () => store.get().current?.image ?? { width: 0, height: 0 },
    isDown: () => hold.isBy("keys"),
    down: (at) => {
      if (!hold.isHeld()) hold.take("keys", draw(placeAt(at)));
    },
    move: (at) => {
      if (hold.isBy("keys")) hold.move(placeAt(at));
      else polygon.hover(at);
    },
    up: hold.end,
    show: (at) => {
      const { current, view } = store.get();
      if (!at || !current) return store.set({ cross: null });
      const isDown = hold.isBy("keys");
      const on = imagePoint(at.x, at.y);
      store.set({ cross: { at, isDown }, view: showPoint(view, on, MARGIN_PX, current.image) });
    },
  });

  const middle = () => {
    const { view } = store.get();
    return screenToImage(view, screenPoint(view.screen.width / 2, view.screen.height / 2));
  };

  store.subscribe((now, before) => {
    const isOtherCase = now.current?.assignment !== before.current?.assignment;
    if (isOtherCase) cross.forget();
    if (isOtherCase && now.current && cross.isOut()) cross.takeOut(middle());
  });

  return {
    /** Show the cross where a pointer was last, or hide it. */
    toggle: (pointer: ScreenPoint | null) => {
      if (cross.isOut()) cross.putAway();
      else cross.takeOut(pointer ? screenToImage(store.get().view, pointer) : middle());
    },
    putAway: cross.putAway,
    /** Another pointer has moved. The cross will appear where that is. */
    forget: cross.forget,
    move: (right: number, down: number) => {
      const { x, y } = wayInFrame(store.get().orientation, right, down);
      cross.step(x, y);
    },
    press: cross.press,
    /** Where the cross is in the film's frame; null while a press would not draw. */
    at: (): ScreenPoint | null => {
      const state = store.get();
      return state.cross && isCrossShown(state) ? placeAt(state.cross.at).at : null;
    },
  };
}
