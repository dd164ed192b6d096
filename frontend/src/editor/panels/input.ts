/** How pen, fingers and keys work: the switches, last in the sidebar since they are set once. */

import { words } from "../../words";
import type { Verbs } from "../actions/handlers";
import type { Preferences, RoomState } from "../actions/state";
import { blurAfterPointer, h } from "../page/elements";
import type { Store } from "../page/store";

function createSwitch(
  store: Store<RoomState>,
  verbs: Verbs,
  preference: keyof Preferences,
  text: string,
): HTMLElement {
  const box = h("input", { type: "checkbox", role: "switch" });
  box.addEventListener("change", () => verbs.prefer({ [preference]: box.checked }));
  blurAfterPointer(box);
  const refresh = (state: RoomState) => {
    box.checked = state[preference];
  };
  store.subscribe(refresh);
  refresh(store.get());
  return h("label", { class: "row" }, h("span", {}, text), box);
}

export function createInputPanel(store: Store<RoomState>, verbs: Verbs): HTMLElement {
  return h(
    "section",
    { class: "input" },
    h("h2", {}, words.input.title),
    createSwitch(store, verbs, "fingerPans", words.input.fingerPans),
    createSwitch(store, verbs, "usesPressure", words.input.usesPressure),
    createSwitch(store, verbs, "keysNeedFilm", words.input.keysNeedFilm),
  );
}
