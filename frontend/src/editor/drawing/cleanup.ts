/** Cleaning up the whole mask: each kind is one gesture, and says so where it changes nothing. */

import { isBlank, type Mask, type Rect } from "../../mask/bitmap";
import { grow, shrink, smooth } from "../../mask/morphology";
import { fillHoles, keepInside, removeIslands, SMALLEST_SHARE } from "../../mask/parts";
import { words } from "../../words";
import type { DrawingGround } from "./state";

export type CleanUp = "fillHoles" | "removeIslands" | "smooth" | "grow" | "shrink";

type Kind = { readonly act: (mask: Mask) => Rect; readonly nothing: string };

const KINDS: Readonly<Record<CleanUp, Kind>> = {
  fillHoles: { act: fillHoles, nothing: words.cleanup.fillHoles },
  removeIslands: {
    act: removeIslands,
    nothing: words.cleanup.removeIslands(SMALLEST_SHARE),
  },
  smooth: { act: smooth, nothing: words.cleanup.smooth },
  grow: { act: grow, nothing: words.cleanup.grow },
  shrink: { act: shrink, nothing: words.cleanup.shrink },
};

type Place = Pick<DrawingGround, "sitting" | "store">;

export function cleanUp(room: Place, kind: CleanUp): void {
  const desk = room.sitting()?.desk;
  if (!desk) return;
  const { act, nothing } = KINDS[kind];
  desk.touch(act(desk.mask));
  if (!desk.commit()) room.store.set({ notice: nothing });
}

/** The lung mask comes from the server when it is first wanted; an empty one clips nothing. */
export async function clipToLung(room: Place, endDrawing: () => void): Promise<void> {
  const sitting = room.sitting();
  const lung = await sitting?.prepared.layer("lung");
  if (!sitting || !lung || room.sitting() !== sitting || room.store.get().isBusy) return;
  endDrawing();
  if (isBlank(lung)) {
    room.store.set({ notice: words.cleanup.noLung });
    return;
  }
  sitting.desk.touch(keepInside(sitting.desk.mask, lung));
  if (!sitting.desk.commit()) room.store.set({ notice: words.cleanup.allInside });
}
