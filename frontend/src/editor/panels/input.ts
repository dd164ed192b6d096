/**
 * The switches for pen, touch and keys. They come last in the sidebar because they are set once.
 */

import { words } from "../../words";
import type { ActionHandlers } from "../actions/handlers";
import type { Preferences, RoomState } from "../actions/state";
import { blurAfterPointer, h } from "../page/elements";
import type { Store } from "../page/store";

function createSwitch(
  store: Store<RoomState>,
  handlers: ActionHandlers,
  preference: keyof Preferences,
  text: string,
): HTMLElement {
  const box = h("input", { type: "checkbox", role: "switch" });
  box.addEventListener("change", () => handlers.prefer({ [preference]: box.checked }));
  blurAfterPointer(box);
  const refresh = (state: RoomState) => {
    box.checked = state[preference];
  };
  store.subscribe(refresh);
  refresh(store.get());
  return h("label", { class: "row" }, h("span", {}, text), box);
}

export function createInputPanel(store: Store<RoomState>, handlers: ActionHandlers): HTMLElement {
  return h(
    "section",
    { class: "input" },
    h("h2", {}, words.input.title),
    createSwitch(store, handlers, "fingerPans", words.input.fingerPans),
    createSwitch(store, handlers, "usesPressure", words.input.usesPressure),
    createSwitch(store, handlers, "keysNeedFilm", words.input.keysNeedFilm),
  );
}
