/** Cleans up the whole mask. Each kind is one gesture, and tells the reader if nothing changed. */

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

type Place = Pick<DrawingGround, "openCase" | "store">;

export function cleanUp(room: Place, kind: CleanUp): void {
  const maskDocument = room.openCase()?.maskDocument;
  if (!maskDocument) return;
  const { act, nothing } = KINDS[kind];
  maskDocument.touch(act(maskDocument.mask));
  if (!maskDocument.commit()) room.store.set({ notice: nothing });
}

/** Clip to the lung mask, which is loaded when first wanted. An empty lung mask clips nothing. */
export async function clipToLung(room: Place, endDrawing: () => void): Promise<void> {
  const openCase = room.openCase();
  const lung = await openCase?.prepared.layer("lung");
  if (!openCase || !lung || room.openCase() !== openCase || room.store.get().isBusy) return;
  endDrawing();
  if (isBlank(lung)) {
    room.store.set({ notice: words.cleanup.noLung });
    return;
  }
  openCase.maskDocument.touch(keepInside(openCase.maskDocument.mask, lung));
  if (!openCase.maskDocument.commit()) room.store.set({ notice: words.cleanup.allInside });
}
