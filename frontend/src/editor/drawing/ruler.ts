/** The ruler: a line between two image points with its length beside it. Never part of a mask. */

import type { Point } from "../../mask/brush";
import { words } from "../../words";
import { frameToStage, turnedSize } from "../film/orientation";
import { imagePoint, imageToScreen } from "../film/viewport";
import { h, setText } from "../page/elements";
import type { Store } from "../page/store";
import type { Drawing } from "./outlines";
import type { DrawingState, Ruler } from "./state";

const BESIDE_PX = 14;

export function rulerWords({ from, to }: Ruler, spacing: number | null): string {
  const length = Math.hypot(to.x - from.x, to.y - from.y);
  if (spacing === null) return words.ruler.pixels(length);
  return words.ruler.millimetres(length * spacing);
}

/** Start a ruler. The former ruler stays until the new one has a length. */
export function startRuler(store: Store<DrawingState>, from: Point): Drawing {
  const { ruler } = store.get();
  return {
    move: (to) => store.set({ ruler: { from, to } }),
    end: () => undefined,
    cancel: () => store.set({ ruler }),
    outline: () => null,
  };
}

/** The length beside the ruler's end. It is page text, so it stays upright on a turned film. */
export function createRulerLabel(store: Store<DrawingState>): HTMLElement {
  const label = h("output", {
    class: "ruler",
    "aria-label": words.ruler.name,
    // It changes with every step of a drag. A screen reader gets the length when the drag ends.
    "aria-live": "off",
  });
  const refresh = ({ ruler, current, view, orientation, isOnlyFilmShown, phase }: DrawingState) => {
    label.hidden = !ruler || !current || isOnlyFilmShown || phase !== "reading";
    if (!ruler || !current || label.hidden) return;
    setText(label, rulerWords(ruler, current.spacing_mm));
    const end = imageToScreen(view, imagePoint(ruler.to.x, ruler.to.y));
    const at = frameToStage(orientation, view.screen, end);
    const { width, height } = turnedSize(orientation, view.screen);
    const within = (value: number, room: number) =>
      `clamp(0px, ${Math.round(value) + BESIDE_PX}px, calc(${Math.floor(room)}px - 100%))`;
    label.style.translate = `${within(at.x, width)} ${within(at.y, height)}`;
  };
  store.subscribe(refresh);
  refresh(store.get());
  return label;
}
