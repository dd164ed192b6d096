/** The header: whose round, which case, how long, and the truth about saving. */

import type { Purpose, ReadingConfig } from "../api/types";
import type { Action } from "./action";
import { h, keycap, setText } from "./dom";
import type { RoomState } from "./state";
import type { Store } from "./store";
import type { Verbs } from "./verbs";

const PURPOSES: Readonly<Record<Purpose, string>> = {
  seed: "draw by hand",
  pick: "pick the best",
  read: "pick, correct or redraw",
  sealed: "draw by hand",
  second_look: "second look",
  double: "second reading",
  adjudicate: "decide",
};

export type SaveWords = { readonly text: string; readonly tone: "ok" | "busy" | "bad" | "quiet" };

const strokes = (count: number) => (count === 1 ? "1 stroke" : `${count} strokes`);

function since(milliseconds: number): string {
  const seconds = Math.max(1, Math.round(milliseconds / 1000));
  if (seconds < 60) return `${seconds} s ago`;
  const minutes = Math.round(seconds / 60);
  return minutes < 60 ? `${minutes} min ago` : `${Math.round(minutes / 60)} h ago`;
}

/** Of what the server has not: "kept here" only counts strokes whose journal transaction completed. */
export function keptWords({ save, stroke, keptStroke, journalFailure }: RoomState): string {
  const kept = Math.max(0, keptStroke - save.savedStroke);
  if (!journalFailure) return `${strokes(kept)} kept here`;
  return `${kept || "none"} of ${strokes(Math.max(0, stroke - save.savedStroke))} kept here`;
}

export function saveWords(state: RoomState, now: number): SaveWords {
  const { save, keptStroke, journalFailure } = state;
  const here = keptWords(state);
  switch (save.phase) {
    case "offline":
      return { text: `offline, ${here}`, tone: "bad" };
    case "signed_out":
      return { text: `signed out, ${here}`, tone: "bad" };
    case "conflict":
      return { text: "changed elsewhere", tone: "bad" };
    case "lost":
      if (save.problem?.code === "already_submitted" && keptStroke <= save.savedStroke)
        return { text: "submitted elsewhere", tone: "quiet" };
      return { text: `not saved, ${here}`, tone: "bad" };
    case "dirty":
    case "saving":
      return journalFailure
        ? { text: `saving, ${here}`, tone: "bad" }
        : { text: "saving", tone: "busy" };
    default:
      if (save.savedAt !== null) return { text: `saved ${since(now - save.savedAt)}`, tone: "ok" };
      return save.savedStroke > 0
        ? { text: "saved", tone: "ok" }
        : { text: "nothing drawn yet", tone: "quiet" };
  }
}

export function clock(seconds: number): string {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

function titleOf(config: ReadingConfig, state: RoomState): string {
  const { current } = state;
  if (!current) return config.projectName;
  const round = current.round === null ? "" : ` · round ${current.round}`;
  return `${config.projectName}${round} · ${PURPOSES[current.purpose]}`;
}

export function createHeader(
  config: ReadingConfig,
  store: Store<RoomState>,
  verbs: Verbs,
  keys: Action,
): HTMLElement {
  const title = h("span", { class: "dim title" });
  const count = h("span", { class: "count" });
  const bar = h("progress", { class: "bar", "aria-label": "Cases read", max: "1", value: "0" });
  const time = h("span", { class: "dim time", title: "Active time on this case" });
  const dot = h("span", { class: "dot", "aria-hidden": "true" });
  const words = h("span", {});
  const saving = h("span", { class: "saving", role: "status", "aria-label": "Saving" }, dot, words);
  const help = h(
    "button",
    { type: "button", class: "bare", "aria-label": keys.name, title: keys.name },
    "Keys ",
    keycap("?"),
  );
  help.addEventListener("click", () => verbs.showShortcuts());

  const refresh = () => {
    const state = store.get();
    const { current } = state;
    setText(title, titleOf(config, state));
    setText(count, current ? `Case ${current.position.n} of ${current.position.of}` : "");
    bar.hidden = !current;
    if (current) {
      bar.max = Math.max(1, current.position.of);
      bar.value = Math.max(0, current.position.n - 1);
    }
    setText(time, current ? clock(state.activeSeconds) : "");
    const said = saveWords(state, Date.now());
    saving.hidden = !current;
    saving.dataset["tone"] = said.tone;
    setText(words, said.text);
  };
  store.subscribe(refresh);
  setInterval(refresh, 1000);
  refresh();
  return h(
    "header",
    { class: "top" },
    h("a", { href: "/", class: "brand" }, "Roundtruth"),
    title,
    h("span", { class: "grow" }),
    count,
    bar,
    time,
    saving,
    help,
    h(
      "a",
      { href: config.projectUrl, class: "who", title: "Leave the reading room" },
      config.reader,
    ),
  );
}
