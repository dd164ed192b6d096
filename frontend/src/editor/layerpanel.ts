/** The switches of the layers, each with what its colours mean. Not in the page of a blind read. */

import { INFECTION_COLOURS, SPREAD_COLOURS } from "../mask/colour";
import { h, keycap } from "./dom";
import { drawColours } from "./drawpictures";
import { isLayerShown, LAYER_NAMES, layerUrl, TWO_MAPS } from "./layers";
import type { Room } from "./room";
import type { LayerName, RoomState } from "./state";
import { createTwoMaps } from "./twomaps";
import type { Verbs } from "./verbs";

const WORDS: Readonly<Record<LayerName, { name: string; key: string }>> = {
  infection: { name: "Infection map", key: "M" },
  activation: { name: "Activation map (Grad-CAM)", key: "A" },
  lung: { name: "Lung outline", key: "L" },
  disagreement: { name: "Disagreement", key: "D" },
};

function createLegend(table: Uint32Array, title: string, ticks: readonly string[]): HTMLElement {
  const bar = h("canvas", { width: "256", height: "1", role: "img", "aria-label": title });
  drawColours(bar, table);
  return h(
    "div",
    { class: "legend" },
    h("span", {}, title),
    bar,
    h("div", { class: "row" }, ...ticks.map((tick) => h("span", {}, tick))),
  );
}

const LEGENDS: Readonly<Record<LayerName, () => HTMLElement | null>> = {
  infection: () =>
    createLegend(INFECTION_COLOURS, "Probability of infection, ensemble", ["0", "0.5", "1"]),
  activation: () =>
    createLegend(INFECTION_COLOURS, "Where the classifier looked; not a mask", ["least", "most"]),
  lung: () => null,
  disagreement: () =>
    createLegend(SPREAD_COLOURS, "Spread of the networks' probabilities", ["0", "0.25", "0.5"]),
};

function createSwitch(verbs: Verbs, layer: LayerName) {
  const { name, key } = WORDS[layer];
  const button = h(
    "button",
    { type: "button", class: "switch", title: `${name} (${key})`, "aria-label": name },
    h("i", { class: `swatch ${layer}`, "aria-hidden": "true" }),
    h("span", {}, name),
    keycap(key),
  );
  button.addEventListener("click", (event) => {
    verbs.toggleLayer(layer);
    if (event.detail > 0) button.blur();
  });
  const legend = LEGENDS[layer]();
  const refresh = (state: RoomState) => {
    const isOn = isLayerShown(state, layer);
    button.hidden = layerUrl(state.current, layer) === null;
    button.setAttribute("aria-pressed", String(isOn));
    if (legend) legend.hidden = !isOn;
  };
  return { button, legend, refresh };
}

export function createLayerPanel(room: Room, verbs: Verbs): HTMLElement {
  const switches = LAYER_NAMES.map((layer) => createSwitch(verbs, layer));
  const section = h("section", { class: "layers" });
  const parts: HTMLElement[] = [h("h2", {}, "Layers")];
  for (const { button, legend } of switches) parts.push(button, ...(legend ? [legend] : []));
  parts.splice(1 + 2 * TWO_MAPS.length, 0, createTwoMaps(room));
  const refresh = (state: RoomState) => {
    section.hidden = LAYER_NAMES.every((layer) => layerUrl(state.current, layer) === null);
    // Hidden words are still in the page: a blind read must not even hold them.
    if (section.hidden) section.replaceChildren();
    else if (section.childElementCount === 0) section.append(...parts);
    for (const one of switches) one.refresh(state);
  };
  room.store.subscribe(refresh);
  refresh(room.store.get());
  return section;
}
