/**
 * Mouse, pen and touch on the other film: they act on the case's film, which the other one follows.
 */

import { createHold, meaningOf, startPan, startWindow } from "../drawing/gestures";
import { listenToPointers, type Pointing } from "../drawing/pointerevents";
import { stageToFrame } from "../film/orientation";
import type { Size } from "../film/viewport";
import { acrossPanes } from "./linking";

export function listenOnOtherFilm(
  canvas: HTMLCanvasElement,
  pointing: Pointing,
  pane: () => Size,
): void {
  const { store } = pointing;
  const hold = createHold();
  listenToPointers(
    {
      canvas,
      hold,
      locate: (seen) => {
        const { orientation, view } = store.get();
        return acrossPanes(stageToFrame(orientation, pane(), seen), pane(), view.screen);
      },
      press: (event, at) => {
        const meaning = meaningOf(event, store.get());
        // Nothing can be drawn here. A mouse or pen moves the film instead; a finger does nothing.
        if (meaning === "draw" && event.pointerType === "touch") return;
        const start = meaning === "window" ? startWindow : startPan;
        hold.take(event.pointerId, start(pointing, at));
        event.preventDefault();
      },
    },
    pointing,
  );
  store.subscribe((now, before) => {
    if (now.current?.assignment !== before.current?.assignment) hold.drop();
  });
}
