/**
 * The switch of the difference view and the meaning of its colours. A blind read has no such
 * switch.
 */

import { words } from "../../words";
import type { ActionHandlers } from "../actions/handlers";
import type { Registry } from "../actions/registry";
import type { RoomState, ShownRoom } from "../actions/state";
import { comparedCandidate } from "../compare/compared";
import { hasDifference } from "../drawing/state";
import { h, keycap, setText } from "../page/elements";

export function createDifferencePanel(
  room: ShownRoom,
  handlers: ActionHandlers,
  registry: Registry,
): HTMLElement {
  const key = registry.keyOf("difference");
  const { name } = words.actions.difference;
  const { label, against, noCandidate } = words.difference;
  const button = h(
    "button",
    { type: "button", class: "switch", "aria-label": name, title: words.withKey(name, key) },
    h("i", { class: "swatch difference", "aria-hidden": "true" }),
    h("span", {}, label),
    keycap(key),
  );
  button.addEventListener("click", (event) => {
    handlers.toggleDifference();
    if (event.detail > 0) button.blur();
  });
  const from = h("span", {});
  const added = h("span", {});
  const removed = h("span", {});
  const counts = h(
    "div",
    { class: "row" },
    h("span", {}, h("i", { class: "swatch added", "aria-hidden": "true" }), added),
    h("span", {}, h("i", { class: "swatch removed", "aria-hidden": "true" }), removed),
  );
  const legend = h("div", { class: "legend" }, from, counts);
  const section = h("section", { class: "difference" });

  const refresh = (state: RoomState) => {
    const { current } = state;
    section.hidden = !hasDifference(current);
    // Hidden words are still in the page, and the page of a blind read must not contain them.
    if (section.hidden) section.replaceChildren();
    else if (section.childElementCount === 0) section.append(button, legend);
    const isOn = state.look === "difference";
    button.setAttribute("aria-pressed", String(isOn));
    legend.hidden = !isOn;
    const candidate = comparedCandidate(state);
    const figure = candidate ? state.figures[candidate.id] : undefined;
    counts.hidden = !figure;
    setText(from, candidate ? against(candidate.letter) : noCandidate);
    setText(added, figure ? words.difference.added(figure.added) : "");
    setText(removed, figure ? words.difference.removed(figure.removed) : "");
  };
  room.store.subscribe(refresh);
  refresh(room.store.get());
  return section;
}
