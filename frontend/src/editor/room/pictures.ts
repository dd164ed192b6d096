/** The pictures of the open case that lie beside its mask: preview, film, and a candidate's outline. */

import { EMPTY_RECT, type Mask, type Rect } from "../../mask/bitmap";
import type { RoomState } from "../actions/state";
import type { Film } from "../film/film";
import type { Prepared } from "../film/prepare";
import type { Store } from "../page/store";

/** `repaint`: called with the area that has changed. An empty one means the outline only. */
export function createPictures(store: Store<RoomState>, repaint: (rect: Rect | "all") => void) {
  let film: Film | null = null;
  let preview: ImageBitmap | null = null;
  let candidateMask: Mask | null = null;

  async function load(prepared: Prepared, isWanted: () => boolean): Promise<void> {
    const loadedPreview = await prepared.preview;
    if (!isWanted()) return;
    preview = loadedPreview;
    store.set({});
    repaint("all");
    const loadedFilm = await prepared.film;
    if (!isWanted()) return;
    film = loadedFilm;
    store.set({ hasFilm: true });
    repaint("all");
  }

  return {
    film: () => film,
    preview: () => preview,
    candidateMask: () => candidateMask,
    /** Show the preview and the film of a case as soon as each has been loaded. */
    show: (prepared: Prepared, isWanted: () => boolean): void => {
      load(prepared, isWanted).catch((error: Error) => {
        if (isWanted()) store.set({ notice: error.message });
      });
    },
    /** Show the outline of a candidate in passing; null shows none. */
    showCandidate: async (candidate: string | null, prepared: Prepared | null): Promise<void> => {
      store.set({ shownCandidate: candidate });
      const mask = candidate ? await prepared?.candidates.get(candidate) : null;
      if (store.get().shownCandidate !== candidate) return;
      candidateMask = mask ?? null;
      repaint(EMPTY_RECT);
    },
    clear: (): void => {
      film = null;
      preview = null;
      candidateMask = null;
    },
  };
}
