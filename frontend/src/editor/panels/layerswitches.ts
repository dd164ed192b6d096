/** The switches of the layers and the meaning of their colours. A blind read has no layers. */

import { INFECTION_COLOURS, SPREAD_COLOURS } from "../../mask/colour";
import { words } from "../../words";
import type { ActionId } from "../actions/action";
import type { ActionHandlers } from "../actions/handlers";
import type { Registry } from "../actions/registry";
import type { RoomState, ShownRoom } from "../actions/state";
import { isLayerShown, LAYER_NAMES, layerUrl, TWO_MAPS } from "../film/layers";
import type { LayerName } from "../film/state";
import { drawColours } from "../film/thumbnails";
import { zoneBorders } from "../film/zones";
import { h, keycap } from "../page/elements";
import { createTwoMaps } from "./twomaps";

const ACTIONS: Readonly<Record<LayerName, ActionId>> = {
  infection: "infection-map",
  activation: "activation-map",
  lung: "lung-outline",
  disagreement: "disagreement",
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

const LEGENDS: Readonly<Record<LayerName, () => HTMLElement>> = {
  infection: () => createLegend(INFECTION_COLOURS, words.layers.infectionLegend, ["0", "0.5", "1"]),
  activation: () =>
    createLegend(INFECTION_COLOURS, words.layers.activationLegend, [
      words.layers.least,
      words.layers.most,
    ]),
  lung: () => h("div", { class: "legend" }, h("span", {}, words.layers.lungLegend)),
  disagreement: () =>
    createLegend(SPREAD_COLOURS, words.layers.disagreementLegend, ["0", "0.25", "0.5"]),
};

function createSwitch(handlers: ActionHandlers, registry: Registry, layer: LayerName) {
  const name = words.layers[layer];
  const key = registry.keyOf(ACTIONS[layer]);
  const button = h(
    "button",
    { type: "button", class: "switch", title: words.withKey(name, key), "aria-label": name },
    h("i", { class: `swatch ${layer}`, "aria-hidden": "true" }),
    h("span", {}, name),
    keycap(key),
  );
  button.addEventListener("click", (event) => {
    handlers.toggleLayer(layer);
    if (event.detail > 0) button.blur();
  });
  const legend = LEGENDS[layer]();
  const refresh = (state: RoomState) => {
    const isOn = isLayerShown(state, layer);
    button.hidden = layerUrl(state.current, layer) === null;
    button.setAttribute("aria-pressed", String(isOn));
    const isExplained = layer !== "lung" || zoneBorders(state.current).length > 0;
    legend.hidden = !isOn || !isExplained;
  };
  return { button, legend, refresh };
}

export function createLayerPanel(
  room: ShownRoom,
  handlers: ActionHandlers,
  registry: Registry,
): HTMLElement {
  const switches = LAYER_NAMES.map((layer) => createSwitch(handlers, registry, layer));
  const section = h("section", { class: "layers" });
  const parts: HTMLElement[] = [h("h2", {}, words.layers.title)];
  for (const { button, legend } of switches) parts.push(button, legend);
  parts.splice(1 + 2 * TWO_MAPS.length, 0, createTwoMaps(room));
  const refresh = (state: RoomState) => {
    section.hidden = LAYER_NAMES.every((layer) => layerUrl(state.current, layer) === null);
    // Hidden words are still in the page, and the page of a blind read must not contain them.
    if (section.hidden) section.replaceChildren();
    else if (section.childElementCount === 0) section.append(...parts);
    for (const { refresh: refreshSwitch } of switches) refreshSwitch(state);
  };
  room.store.subscribe(refresh);
  refresh(room.store.get());
  return section;
}
