/** Cleaning up the whole mask: each kind is one gesture, and says so where it changes nothing. */

import type { Mask, Rect } from "../mask/bitmap";
import { grow, shrink, smooth } from "../mask/morphology";
import { fillHoles, removeIslands, SMALLEST_SHARE } from "../mask/parts";
import type { Room } from "./room";

export type CleanUp = "fillHoles" | "removeIslands" | "smooth" | "grow" | "shrink";

type Kind = { readonly act: (mask: Mask) => Rect; readonly nothing: string };

const KINDS: Readonly<Record<CleanUp, Kind>> = {
  fillHoles: { act: fillHoles, nothing: "The mask has no hole to fill." },
  removeIslands: {
    act: removeIslands,
    nothing: `No part of the mask is smaller than ${100 * SMALLEST_SHARE} % of the film.`,
  },
  smooth: { act: smooth, nothing: "The outline is smooth already." },
  grow: { act: grow, nothing: "There is nothing to grow." },
  shrink: { act: shrink, nothing: "There is nothing to shrink." },
};

export function cleanUp(room: Pick<Room, "sitting" | "store">, kind: CleanUp): void {
  const desk = room.sitting()?.desk;
  if (!desk) return;
  const { act, nothing } = KINDS[kind];
  desk.touch(act(desk.mask));
  if (!desk.commit()) room.store.set({ notice: nothing });
}
