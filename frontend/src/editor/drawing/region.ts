/** A rectangle that the reader drags over the film. Its pixels set the window. */

import type { Point } from "../../mask/brush";
import { words } from "../../words";
import { regionWindow } from "../film/presets";
import type { Drawing } from "./outlines";
import type { DrawingGround } from "./state";

const SMALLEST_PX = 4;

/** One drag. After a rectangle that is too small to be meant, the reader can drag again. */
export function startRegion(
  { store, film }: Pick<DrawingGround, "store" | "film">,
  from: Point,
): Drawing {
  let to = from;
  const sides = () => [Math.abs(to.x - from.x), Math.abs(to.y - from.y)] as const;

  function end(): void {
    const now = film();
    const isMeant = Math.min(...sides()) * store.get().view.zoom >= SMALLEST_PX;
    const rect = {
      x0: Math.floor(Math.min(from.x, to.x)),
      y0: Math.floor(Math.min(from.y, to.y)),
      x1: Math.ceil(Math.max(from.x, to.x)),
      y1: Math.ceil(Math.max(from.y, to.y)),
    };
    const window = now && isMeant ? regionWindow(now, rect) : null;
    if (window) store.set({ window, preset: null, isRegionNext: false, notice: "" });
    else store.set({ notice: words.drawing.region });
  }

  return {
    move: (next) => {
      to = next;
    },
    end,
    cancel: () => undefined,
    outline: () => ({
      points: [from, { x: to.x, y: from.y }, to, { x: from.x, y: to.y }, from],
      corners: [],
      does: "look",
    }),
  };
}
