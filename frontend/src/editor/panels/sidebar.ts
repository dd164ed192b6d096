/** The sidebar: candidates, the threshold of the picked candidate, and the look of the mask. */

import type { Candidate } from "../../api/types";
import { words } from "../../words";
import { COPY_ICON } from "../actions/drawing";
import type { ActionHandlers } from "../actions/handlers";
import { firstKey, type Registry } from "../actions/registry";
import type { RoomState, ShownRoom } from "../actions/state";
import { copySource, shownLook } from "../drawing/state";
import { drawThumbnail } from "../film/thumbnails";
import { blurAfterPointer, h, icon, keycap, setText } from "../page/elements";
import { createDifferencePanel } from "./differenceswitch";
import { createFilmPanel } from "./filmcontrols";
import { createFindings } from "./findings";
import { createInputPanel } from "./input";
import { createLayerPanel } from "./layerswitches";

const THUMB = { width: 92, height: 74 } as const;

/** Return the words under a candidate's name. A blind read shows no figures. */
export function candidateWords(state: RoomState, candidate: Candidate): string {
  const isPicked = state.basis.candidate === candidate.id;
  const { picked, pickedAndChanged, dice } = words.candidates;
  if (state.current?.blind) return isPicked ? picked : "";
  const figure = state.figures[candidate.id];
  if (isPicked) {
    const changed = figure ? figure.added + figure.removed : 0;
    return changed === 0 ? picked : pickedAndChanged(changed);
  }
  if (!figure || Number.isNaN(figure.dice) || figure.dice === 0) return "";
  return dice(figure.dice);
}

/** A network's key ("unetplusplus-resnet18") as people write it. A letter if names are hidden. */
export function candidateName(candidate: Candidate): string {
  if (candidate.name === null) return words.candidates.lettered(candidate.letter);
  const [decoder = "", ...encoder] = candidate.name.split("-");
  return [words.candidates.networks[decoder] ?? decoder, ...encoder].join(" ");
}

function createCard(
  room: ShownRoom,
  handlers: ActionHandlers,
  registry: Registry,
  candidate: Candidate,
  index: number,
) {
  const ratio = Math.max(1, window.devicePixelRatio);
  const thumb = h("canvas", {
    width: String(Math.round(THUMB.width * ratio)),
    height: String(Math.round(THUMB.height * ratio)),
    "aria-hidden": "true",
  });
  const text = h("small", { id: `candidate-${index + 1}-words` });
  const network = candidate.name ? candidateName(candidate) : null;
  const name = words.candidates.card(candidate.letter, network, index + 1);
  const pick = registry.at("candidate")[index];
  const attributes = { type: "button", "aria-describedby": text.id };
  const card = h(
    "button",
    { ...attributes, class: "card", "aria-label": name, title: words.candidates.pick(name) },
    thumb,
    h("b", {}, candidateName(candidate)),
    pick ? keycap(firstKey(pick)) : null,
  );
  card.addEventListener("click", (event) => {
    handlers.pick(index);
    if (event.detail > 0) card.blur();
  });
  const copyName = words.candidates.copy(candidate.letter);
  const copy = h(
    "button",
    {
      type: "button",
      class: "copy",
      "aria-label": copyName,
      title: words.withKey(copyName, registry.keyOf("copy")),
    },
    icon(COPY_ICON),
  );
  copy.addEventListener("click", (event) => {
    handlers.copyFrom(candidate.id);
    if (event.detail > 0) copy.blur();
  });
  const slot = h("div", { class: "slot" }, card, text, copy);
  slot.addEventListener("pointerenter", () => handlers.showCandidate(candidate.id));
  slot.addEventListener("pointerleave", () => handlers.showCandidate(null));
  slot.addEventListener("focusin", () => handlers.showCandidate(candidate.id));
  slot.addEventListener("focusout", () => handlers.showCandidate(null));
  const paint = async () => {
    const prepared = room.openCase()?.prepared;
    const mask = await prepared?.candidates.get(candidate.id);
    if (mask) drawThumbnail(thumb, (await prepared?.preview) ?? null, mask, "theirs");
  };
  const refresh = (state: RoomState) => {
    card.setAttribute("aria-pressed", String(state.basis.candidate === candidate.id));
    const isSource = state.tool === "copy" && copySource(state)?.id === candidate.id;
    copy.setAttribute("aria-pressed", String(isSource));
    setText(text, candidateWords(state, candidate));
  };
  return { slot, paint, refresh };
}

function createThreshold(room: ShownRoom, handlers: ActionHandlers) {
  const title = h("h2", { id: "threshold-title" });
  const value = h("output", { class: "figure" });
  const slider = h("input", {
    type: "range",
    min: "1",
    max: "255",
    step: "1",
    "aria-labelledby": "threshold-title",
  });
  slider.addEventListener("input", () => handlers.slideThreshold(slider.valueAsNumber));
  slider.addEventListener("change", () => handlers.settleThreshold());
  blurAfterPointer(slider);
  const section = h(
    "section",
    { class: "threshold" },
    h("div", { class: "row" }, title, value),
    slider,
  );
  room.store.subscribe((state) => {
    const picked = state.current?.candidates.find(({ id }) => id === state.basis.candidate);
    section.hidden = !picked || state.current?.blind === true || state.threshold === null;
    if (section.hidden || !picked) return;
    setText(title, words.candidates.threshold(candidateName(picked)));
    slider.disabled = !state.hasProbability;
    const t8 = state.threshold ?? 128;
    if (slider.valueAsNumber !== t8) slider.value = String(t8);
    slider.setAttribute("aria-valuetext", (t8 / 255).toFixed(2));
    slider.style.setProperty("--part", `${((t8 - 1) / 254) * 100}%`);
    setText(value, (t8 / 255).toFixed(2));
  });
  section.hidden = true;
  return section;
}

function createLooks(room: ShownRoom, handlers: ActionHandlers, registry: Registry): HTMLElement {
  const opacity = h("input", {
    type: "range",
    min: "0",
    max: "0.8",
    step: "0.05",
    "aria-label": words.looks.opacityName,
  });
  opacity.addEventListener("input", () => handlers.setOpacity(opacity.valueAsNumber));
  blurAfterPointer(opacity);
  const look = h("button", { type: "button", class: "bare" });
  const lookName = h("span", {});
  look.append(lookName, " ", keycap(registry.keyOf("outline")));
  look.addEventListener("click", (event) => {
    handlers.cycleLook();
    if (event.detail > 0) look.blur();
  });
  const refresh = (state: RoomState) => {
    const shown = words.looks[shownLook(state)];
    setText(lookName, shown);
    look.setAttribute("aria-label", words.looks.name(shown));
    opacity.value = String(state.opacity);
    opacity.style.setProperty("--part", `${(state.opacity / 0.8) * 100}%`);
  };
  room.store.subscribe(refresh);
  refresh(room.store.get());
  return h(
    "section",
    { class: "looks" },
    h("h2", {}, words.looks.title),
    h("div", { class: "row" }, h("span", {}, words.looks.shownAs), look),
    h("label", { class: "row" }, h("span", {}, words.looks.opacity), opacity),
  );
}

export function createSidebar(
  room: ShownRoom,
  handlers: ActionHandlers,
  registry: Registry,
): HTMLElement {
  const cards = h("div", { class: "cards" });
  const heading = h("h2", {}, words.candidates.title);
  const list = h("section", { class: "candidates" }, heading, cards);
  let shown: string | null = null;
  let refreshers: readonly ((state: RoomState) => void)[] = [];

  room.store.subscribe((state) => {
    const openCase = room.openCase();
    const now = openCase && state.current ? state.current.assignment : null;
    if (now !== shown) {
      shown = now;
      const made = (state.current?.candidates ?? []).map((candidate, index) =>
        createCard(room, handlers, registry, candidate, index),
      );
      cards.replaceChildren(...made.map(({ slot }) => slot));
      refreshers = made.map(({ refresh }) => refresh);
      for (const { paint } of made) paint().catch(() => undefined);
    }
    list.hidden = (state.current?.candidates.length ?? 0) === 0;
    for (const refresh of refreshers) refresh(state);
  });
  return h(
    "aside",
    { class: "side", "aria-label": words.candidates.region },
    list,
    createDifferencePanel(room, handlers, registry),
    createThreshold(room, handlers),
    createLayerPanel(room, handlers, registry),
    createFindings(room),
    createLooks(room, handlers, registry),
    createInputPanel(room.store, handlers),
    createFilmPanel(room, handlers, registry),
  );
}
