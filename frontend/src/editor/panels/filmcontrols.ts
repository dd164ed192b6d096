/** The controls of the film in the sidebar: window presets and orientation. */

import { words } from "../../words";
import type { Action } from "../actions/action";
import type { ActionHandlers } from "../actions/handlers";
import { firstKey, type Registry } from "../actions/registry";
import type { RoomState, ShownRoom } from "../actions/state";
import { BANDS, PRESETS, type Preset } from "../film/presets";
import { h, icon, keycap } from "../page/elements";
import { makeButton } from "./bars";

/** Explain a preset by its share of the range: a radiograph has no absolute scale. */
export function presetWords(preset: Preset): string {
  const { windows, fullWindow, bandWindow } = words.film;
  if (preset === "full") return fullWindow;
  const [from, to] = BANDS[preset];
  return bandWindow(windows[preset], from, to);
}

function createPreset(
  { store }: ShownRoom,
  handlers: ActionHandlers,
  preset: Preset,
  nextKey: string,
): HTMLElement {
  const { windows, windowName, withNextKey } = words.film;
  const name = windowName(windows[preset]);
  const title = withNextKey(presetWords(preset), nextKey);
  const button = h(
    "button",
    { type: "button", class: "chip", "aria-label": name, title },
    windows[preset],
  );
  button.addEventListener("click", (event) => {
    handlers.setPreset(preset);
    if (event.detail > 0) button.blur();
  });
  const refresh = (state: RoomState) => {
    button.disabled = !state.hasFilm;
    button.setAttribute("aria-pressed", String(state.preset === preset));
  };
  store.subscribe(refresh);
  refresh(store.get());
  return button;
}

function createActionButton(
  { store }: ShownRoom,
  handlers: ActionHandlers,
  action: Action,
): HTMLElement {
  const label = h("span", {}, action.label ?? action.name);
  const hint = firstKey(action);
  const key = h("span", { class: "hint", "aria-hidden": "true", "data-key": hint });
  const button = makeButton(action, store, handlers, icon(action.icon ?? ""), label, key);
  button.classList.add("chip");
  return button;
}

export function createFilmPanel(
  room: ShownRoom,
  handlers: ActionHandlers,
  registry: Registry,
): HTMLElement {
  const nextKey = registry.keyOf("next-window");
  const presets = PRESETS.map((preset) => createPreset(room, handlers, preset, nextKey));
  const next = h("small", { class: "dim" }, words.film.nextWindow, keycap(nextKey));
  return h(
    "section",
    { class: "film" },
    h("div", { class: "row" }, h("h2", {}, words.film.title), next),
    h("div", { class: "chips", role: "group", "aria-label": words.film.windowGroup }, ...presets),
    h(
      "div",
      { class: "chips" },
      ...registry.at("film").map((action) => createActionButton(room, handlers, action)),
    ),
  );
}
