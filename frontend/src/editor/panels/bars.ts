/** The toolbar on the left and the verdict bar below, both made from the action registry. */

import { words } from "../../words";
import type { Action } from "../actions/action";
import type { ActionHandlers } from "../actions/handlers";
import { firstKey, type Registry, tooltip } from "../actions/registry";
import type { RoomState } from "../actions/state";
import { h, icon, keycap } from "../page/elements";
import { roveFocus } from "../page/roving";
import type { Store } from "../page/store";

/** A button that performs an action, and shows whether it is on and may be pressed. */
export function makeButton(
  action: Action,
  store: Store<RoomState>,
  handlers: ActionHandlers,
  ...content: (Node | string)[]
): HTMLButtonElement {
  const attributes = { type: "button", "aria-label": action.name, title: tooltip(action) };
  const button = h("button", { ...attributes, "data-action": action.id }, ...content);
  button.addEventListener("click", (event) => {
    action.perform(handlers, store.get());
    // After a mouse click, Enter and Space must act on the film, not on the button.
    if (event.detail > 0) button.blur();
  });
  const refresh = () => {
    const state = store.get();
    if (action.isOn) button.setAttribute("aria-pressed", String(action.isOn(state)));
    if (action.isEnabled) button.disabled = !action.isEnabled(state);
    if (action.isShown) button.hidden = !action.isShown(state);
  };
  store.subscribe(refresh);
  refresh();
  return button;
}

export function createToolbar(
  registry: Registry,
  store: Store<RoomState>,
  handlers: ActionHandlers,
): HTMLElement {
  const make = (action: Action) => {
    const hint = firstKey(action);
    const isShort = hint.length <= 2;
    const mark = h("span", { class: "hint", "aria-hidden": "true", "data-key": isShort && hint });
    return makeButton(action, store, handlers, icon(action.icon ?? ""), mark);
  };
  const groups = (["tool", "cleanup", "edit", "view"] as const).map((place) =>
    h("div", { class: "group" }, ...registry.at(place).map(make)),
  );
  const spoken = { role: "toolbar", "aria-label": words.room.tools };
  const toolbar = h("div", { class: "tools", ...spoken }, ...groups);
  const settle = roveFocus(toolbar);
  store.subscribe(settle);
  return toolbar;
}

export function createVerdictBar(
  registry: Registry,
  store: Store<RoomState>,
  handlers: ActionHandlers,
): HTMLElement {
  const make = (action: Action) => {
    const label = h("span", {}, action.label ?? action.name);
    const button = makeButton(action, store, handlers, label, keycap(firstKey(action)));
    if (action.id === "accept") button.classList.add("go");
    return button;
  };
  return h(
    "footer",
    { class: "verdicts" },
    ...registry.at("case").map(make),
    h("span", { class: "grow" }),
    ...registry.at("verdict").map(make),
  );
}
