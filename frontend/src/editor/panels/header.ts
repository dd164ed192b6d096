/** The header: project and round, the number of the case, its time, and the state of saving. */

import type { ReadingConfig } from "../../api/types";
import { words } from "../../words";
import type { ActionHandlers } from "../actions/handlers";
import { firstKey, type Registry } from "../actions/registry";
import type { RoomState } from "../actions/state";
import { isReopened } from "../film/state";
import { h, keycap, setText } from "../page/elements";
import type { Store } from "../page/store";
import { makeButton } from "./bars";

export type SaveWords = { readonly text: string; readonly tone: "ok" | "busy" | "bad" | "quiet" };

/**
 * Say how many unsaved strokes this browser holds: only those whose journal write has completed.
 */
export function keptWords({ save, stroke, keptStroke, journalFailure }: RoomState): string {
  const kept = Math.max(0, keptStroke - save.savedStroke);
  if (!journalFailure) return words.saving.kept(kept);
  return words.saving.keptOf(kept, Math.max(0, stroke - save.savedStroke));
}

/** Say how the present case is saved, and whether the decision on the last one has been sent. */
export function saveWords(state: RoomState, now: number): SaveWords {
  const onCase = caseWords(state, now);
  const { outgoing, noteProblem } = state;
  if (outgoing?.problem) return { text: words.saving.lastUnsent(onCase.text), tone: "bad" };
  if (outgoing && onCase.tone === "quiet") return { text: words.saving.sendingLast, tone: "busy" };
  if (noteProblem) return { text: words.saving.noteUnsent(onCase.text), tone: "bad" };
  return onCase;
}

function caseWords(state: RoomState, now: number): SaveWords {
  const { save, keptStroke, journalFailure } = state;
  const here = keptWords(state);
  const { saving } = words;
  switch (save.phase) {
    case "offline":
      return { text: saving.offline(here), tone: "bad" };
    case "signed_out":
      return { text: saving.signedOut(here), tone: "bad" };
    case "conflict":
      return { text: saving.changedElsewhere, tone: "bad" };
    case "lost":
      if (keptStroke <= save.savedStroke && save.problem?.code === "already_submitted")
        return { text: saving.submittedElsewhere, tone: "quiet" };
      if (keptStroke <= save.savedStroke && save.problem?.code === "put_back")
        return { text: saving.putBackElsewhere, tone: "quiet" };
      return { text: saving.notSaved(here), tone: "bad" };
    case "dirty":
    case "saving":
      return journalFailure
        ? { text: saving.savingKept(here), tone: "bad" }
        : { text: saving.saving, tone: "busy" };
    default:
      if (isReopened(state.current) && state.stroke === 0)
        return { text: saving.asSubmitted, tone: "quiet" };
      if (save.savedAt !== null) return { text: saving.savedAgo(now - save.savedAt), tone: "ok" };
      return save.savedStroke > 0
        ? { text: saving.saved, tone: "ok" }
        : { text: saving.nothingYet, tone: "quiet" };
  }
}

export function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function titleOf(config: ReadingConfig, state: RoomState): string {
  const { current } = state;
  if (!current) return config.projectName;
  const { round, purposes, line } = words.header;
  const rounds = current.round === null ? [] : [round(current.round)];
  return line([config.projectName, ...rounds, purposes[current.purpose]]);
}

export function createHeader(
  config: ReadingConfig,
  store: Store<RoomState>,
  handlers: ActionHandlers,
  registry: Registry,
): HTMLElement {
  const title = h("span", { class: "dim title" });
  const count = h("span", { class: "count" });
  const bar = h("progress", {
    class: "bar",
    "aria-label": words.header.cases,
    max: "1",
    value: "0",
  });
  const time = h("span", { class: "dim time", title: words.header.time });
  const dot = h("span", { class: "dot", "aria-hidden": "true" });
  const text = h("span", {});
  const spoken = { role: "status", "aria-label": words.header.saving };
  const saving = h("span", { class: "saving", ...spoken }, dot, text);
  const helps = registry.at("header").map((action) => {
    const label = `${action.label ?? action.name} `;
    const key = keycap(firstKey(action));
    const button = makeButton(action, store, handlers, label, key);
    button.classList.add("bare");
    return button;
  });

  const refresh = () => {
    const state = store.get();
    const { current } = state;
    setText(title, titleOf(config, state));
    const place = current ? words.header.case(current.position.n, current.position.of) : "";
    setText(count, isReopened(current) ? words.header.openedAgain : place);
    bar.hidden = !current || isReopened(current);
    if (current) {
      bar.max = Math.max(1, current.position.of);
      bar.value = Math.max(0, current.position.n - 1);
    }
    setText(time, current ? clock(state.activeSeconds) : "");
    const saved = saveWords(state, Date.now());
    saving.hidden = !current;
    saving.dataset["tone"] = saved.tone;
    // A screen reader must not read the text every second, only when something is wrong.
    saving.setAttribute("aria-live", saved.tone === "bad" ? "polite" : "off");
    setText(text, saved.text);
  };
  store.subscribe(refresh);
  setInterval(refresh, 1000);
  refresh();
  return h(
    "header",
    { class: "top" },
    h("a", { href: "/", class: "brand" }, words.room.product),
    title,
    h("span", { class: "grow" }),
    count,
    bar,
    time,
    saving,
    ...helps,
    h("a", { href: config.projectUrl, class: "who", title: words.header.leave }, config.reader),
  );
}
