/**
 * The infection map and the activation map side by side, while one of them is shown on the film.
 */

import type { ByteMap } from "../../mask/probability";
import { words } from "../../words";
import type { RoomState, ShownRoom } from "../actions/state";
import { isLayerShown, layerUrl, TWO_MAPS } from "../film/layers";
import type { Prepared } from "../film/prepare";
import { drawSmallMap } from "../film/thumbnails";
import { h } from "../page/elements";

const SIDE = 280; // pixels of a small picture: about twice its size on the screen

function createPicture(layer: (typeof TWO_MAPS)[number]) {
  const caption = words.layers.captions[layer];
  const label = words.layers.onWholeFilm(caption);
  const canvas = h("canvas", { role: "img", "aria-label": label });
  const figure = h("figure", {}, canvas, h("figcaption", {}, caption));
  const paint = async (prepared: Prepared, isWanted: () => boolean) => {
    const { width, height } = prepared.case.image;
    const scale = SIDE / Math.max(width, height);
    canvas.width = Math.round(width * scale);
    canvas.height = Math.round(height * scale);
    const [preview, map] = await Promise.all([prepared.preview, prepared.layer(layer)]);
    // Both layers are maps of bytes. Only the lung layer is a mask.
    if (map && isWanted()) drawSmallMap(canvas, preview, map as ByteMap);
  };
  return { layer, figure, paint };
}

export function createTwoMaps(room: ShownRoom): HTMLElement {
  const pictures = TWO_MAPS.map(createPicture);
  const element = h("div", { class: "two-maps" }, ...pictures.map(({ figure }) => figure));
  let painted: Prepared | null = null;

  const refresh = (state: RoomState) => {
    const hasBoth = TWO_MAPS.every((layer) => layerUrl(state.current, layer) !== null);
    element.hidden = !hasBoth || !TWO_MAPS.some((layer) => isLayerShown(state, layer));
    const prepared = room.openCase()?.prepared ?? null;
    if (element.hidden || !prepared) return;
    for (const { layer, figure } of pictures)
      figure.classList.toggle("on-film", isLayerShown(state, layer));
    if (prepared === painted) return;
    painted = prepared;
    for (const { paint } of pictures)
      paint(prepared, () => painted === prepared).catch((error: Error) =>
        room.store.set({ notice: error.message }),
      );
  };
  room.store.subscribe(refresh);
  refresh(room.store.get());
  return element;
}
