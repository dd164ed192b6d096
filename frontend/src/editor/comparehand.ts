/** Mouse, pen and touch on the other film: it moves, zooms and windows the case's own, and follows. */

import { dragWindow } from "./film";
import { acrossPanes } from "./linking";
import { type StagePoint, stagePoint, stageToFrame } from "./orientation";
import { wheelFactor } from "./pointer";
import type { RoomState } from "./state";
import type { Store } from "./store";
import type { Verbs } from "./verbs";
import { panBy, type Size, zoomAt } from "./viewport";

type Held = { readonly pointer: number; readonly isWindow: boolean; readonly last: StagePoint };

export function dragHand(
  canvas: HTMLCanvasElement,
  store: Store<RoomState>,
  verbs: Verbs,
  pane: () => Size,
): void {
  let held: Held | null = null;

  function seenAt(event: MouseEvent): StagePoint {
    const box = canvas.getBoundingClientRect();
    return stagePoint(event.clientX - box.left, event.clientY - box.top);
  }
  const inFrame = (at: StagePoint) => stageToFrame(store.get().orientation, pane(), at);

  canvas.addEventListener("pointerdown", (event) => {
    if (held || !store.get().current) return;
    canvas.setPointerCapture(event.pointerId);
    const isWindow = event.button === 2 || store.get().tool === "window";
    held = { pointer: event.pointerId, isWindow, last: seenAt(event) };
    event.preventDefault();
  });
  canvas.addEventListener("pointermove", (event) => {
    const { current, view, window } = store.get();
    if (held?.pointer !== event.pointerId || !current) return;
    const { last, isWindow } = held;
    const at = seenAt(event);
    held = { ...held, last: at };
    if (isWindow) {
      const [dx, dy] = [at.x - last.x, at.y - last.y];
      verbs.setWindow(dragWindow(window, dx, dy, current.image.bits), true);
    } else {
      const [from, to] = [inFrame(last), inFrame(at)];
      verbs.setView(panBy(view, to.x - from.x, to.y - from.y, current.image));
    }
  });
  const release = (event: PointerEvent) => {
    if (held?.pointer !== event.pointerId) return;
    if (held.isWindow) verbs.setWindow(store.get().window, false);
    held = null;
  };
  canvas.addEventListener("pointerup", release);
  canvas.addEventListener("pointercancel", release);
  canvas.addEventListener("contextmenu", (event) => event.preventDefault());
  canvas.addEventListener(
    "wheel",
    (event) => {
      event.preventDefault();
      const { current, view } = store.get();
      if (!current) return;
      const at = acrossPanes(inFrame(seenAt(event)), pane(), view.screen);
      verbs.setView(zoomAt(view, at, wheelFactor(event), current.image));
    },
    { passive: false },
  );
}
