/**
 * The layers of an open read: infection map, activation map, lungs with zones, disagreement. A blind
 * read has none, even if some were switched on before.
 */

import type { Border, Case } from "../../api/types";
import type { Mask } from "../../mask/bitmap";
import type { ByteMap } from "../../mask/probability";
import type { FilmState, LayerName } from "./state";
import { zoneBorders } from "./zones";

export const LAYER_NAMES: readonly LayerName[] = [
  "infection",
  "activation",
  "lung",
  "disagreement",
];
/** Both maps use one colour scale, so that they can be compared. Only one is on the film at a time. */
export const TWO_MAPS = ["infection", "activation"] as const;

export type LayerPictures = {
  readonly infection: ByteMap | null;
  readonly activation: ByteMap | null;
  readonly lung: Mask | null;
  readonly disagreement: ByteMap | null;
};

/** The borders of the lungs' zones come with the case, not with the mask. */
export type ShownLayers = LayerPictures & { readonly borders: readonly Border[] };

export const NO_PICTURES: LayerPictures = {
  infection: null,
  activation: null,
  lung: null,
  disagreement: null,
};

/** The address of a layer's picture; null if the case has no such layer. */
export function layerUrl(current: Case | null, name: LayerName): string | null {
  if (!current || current.blind) return null;
  if (name === "lung") return current.layers?.lung_url ?? null;
  if (name === "activation") return current.layers?.activation_url ?? null;
  if (name === "disagreement") return current.layers?.disagreement_url ?? null;
  return (
    current.candidates.find((candidate) => candidate.name === "ensemble")?.probability_url ?? null
  );
}

/** Return the layers with one switched on or off. Of the two maps, at most one stays on. */
export function toggled(layers: FilmState["layers"], name: LayerName): FilmState["layers"] {
  const others = TWO_MAPS.some((map) => map === name) ? TWO_MAPS.filter((map) => map !== name) : [];
  const off = Object.fromEntries(others.map((map) => [map, false]));
  return { ...layers, ...(layers[name] ? {} : off), [name]: !layers[name] };
}

export function isLayerShown(state: FilmState, name: LayerName): boolean {
  return state.layers[name] && !state.isOnlyFilmShown && layerUrl(state.current, name) !== null;
}

/** Return the fetched pictures that are switched on. */
export function shownPictures(state: FilmState, fetched: LayerPictures): ShownLayers {
  return {
    infection: isLayerShown(state, "infection") ? fetched.infection : null,
    activation: isLayerShown(state, "activation") ? fetched.activation : null,
    lung: isLayerShown(state, "lung") ? fetched.lung : null,
    disagreement: isLayerShown(state, "disagreement") ? fetched.disagreement : null,
    borders: isLayerShown(state, "lung") ? zoneBorders(state.current) : [],
  };
}
