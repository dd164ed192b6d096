/** The pictures of the layers that are switched on. Each is fetched when it is first wanted. */

import type { Store } from "../page/store";
import { isLayerShown, LAYER_NAMES, NO_PICTURES, shownPictures } from "./layers";
import type { Prepared } from "./prepare";
import type { FilmState, LayerName } from "./state";

type Source = {
  readonly store: Store<FilmState>;
  readonly openCase: () => { readonly prepared: Prepared } | null;
};

export function createLayerPictures(room: Source, onPicture: () => void) {
  let owner: Prepared | null = null;
  let fetched = NO_PICTURES;

  async function fetchLayer(prepared: Prepared, name: LayerName): Promise<void> {
    const picture = await prepared.layer(name);
    if (owner !== prepared) return;
    fetched = { ...fetched, [name]: picture };
    onPicture();
  }

  room.store.subscribe((state) => {
    const prepared = room.openCase()?.prepared ?? null;
    if (prepared !== owner) {
      owner = prepared;
      fetched = NO_PICTURES;
    }
    if (!prepared) return;
    for (const name of LAYER_NAMES)
      if (isLayerShown(state, name) && !fetched[name])
        fetchLayer(prepared, name).catch((error: Error) => {
          const layers = { ...room.store.get().layers, [name]: false };
          room.store.set({ layers, notice: error.message });
        });
  });
  return { shown: () => shownPictures(room.store.get(), fetched) };
}
