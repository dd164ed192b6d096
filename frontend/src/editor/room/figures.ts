/** Compares the mask with each candidate after a gesture. Blind reads get no figures. */

import { overlap } from "../../mask/bitmap";
import type { RoomState } from "../actions/state";
import type { Figure } from "../drawing/state";
import type { Store } from "../page/store";
import type { OpenCase } from "../saving/opencase";

/** The reader may begin the next gesture first. */
const DELAY_MS = 150;

async function figuresOf(
  { case: { candidates }, prepared, maskDocument }: OpenCase,
  isOpen: () => boolean,
): Promise<Record<string, Figure> | null> {
  const figures: Record<string, Figure> = {};
  for (const candidate of candidates) {
    const mask = await prepared.candidates.get(candidate.id);
    // A stroke that begins meanwhile must not wait for the remaining candidates.
    await new Promise((done) => setTimeout(done));
    if (!isOpen()) return null;
    if (mask) figures[candidate.id] = overlap(maskDocument.mask, mask);
  }
  return figures;
}

/** Return a function that computes the figures of a case soon, once for several calls in a row. */
export function createFigures(store: Store<RoomState>, isOpen: (openCase: OpenCase) => boolean) {
  let timer: ReturnType<typeof setTimeout> | undefined;

  async function refresh(openCase: OpenCase): Promise<void> {
    const figures = await figuresOf(openCase, () => isOpen(openCase));
    if (figures) store.set({ figures });
  }

  return (openCase: OpenCase): void => {
    if (openCase.case.blind) return;
    clearTimeout(timer);
    timer = setTimeout(() => void refresh(openCase).catch(() => undefined), DELAY_MS);
  };
}
