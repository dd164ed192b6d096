/** The words on the film's corners, the notices over it, and what is shown when there is none. */

import type { ReadingConfig } from "../api/types";
import { h, setText } from "./dom";
import { BRUSHES, copySource, type RoomState, SUBTRACTORS, type Tool } from "./state";
import type { Store } from "./store";
import type { Verbs } from "./verbs";

export function brushWords(radius: number, spacing: number | null): string {
  const across = 2 * radius;
  return spacing === null
    ? `${across} px`
    : `${(across * spacing).toFixed(across * spacing < 10 ? 1 : 0)} mm`;
}

const TOOL_WORDS: Readonly<Record<Tool, string>> = {
  pan: "",
  window: "",
  brush: "brush",
  eraser: "eraser",
  threshold: "threshold brush",
  lasso: "lasso",
  polygon: "polygon",
  copy: "copy from candidate",
};

function toolWords(state: RoomState, spacing: number | null): string {
  const { tool, radius, isSubtracting } = state;
  const size = BRUSHES.includes(tool) ? ` ${brushWords(radius, spacing)}` : "";
  const takes = isSubtracting && SUBTRACTORS.includes(tool) ? " · subtracts" : "";
  const from = tool === "copy" ? ` ${copySource(state)?.letter ?? ""}` : "";
  return `${TOOL_WORDS[tool]}${size}${takes}${from}`;
}

const HINTS: Partial<Readonly<Record<Tool, string>>> = {
  threshold: "as bright as its start, or brighter",
  polygon: "Enter or double click closes it",
  copy: "its inside replaces mine",
};

function hintWords({ hasFilm, tool }: RoomState): string {
  if (!hasFilm) return "preview, film is loading";
  return HINTS[tool] ?? "hold Space: naked film";
}

function corners(store: Store<RoomState>): HTMLElement[] {
  const line = () => [h("span", {}), h("span", { class: "dim" })] as const;
  const [[caseLine, viewLine], [windowLine, zoomLine], [brushLine, hintLine]] = [
    line(),
    line(),
    line(),
  ];
  store.subscribe((state) => {
    const { current } = state;
    if (!current || state.phase !== "reading") return;
    setText(
      caseLine,
      `case ${current.case_key}${current.day === null ? "" : ` · day ${current.day}`}`,
    );
    setText(viewLine, current.view);
    const { center, width } = state.window;
    setText(
      windowLine,
      `W ${Math.round(width)} · L ${Math.round(center)}${state.isInverted ? " · inverted" : ""}`,
    );
    setText(zoomLine, `zoom ${Math.round(state.view.zoom * 100)} %`);
    setText(brushLine, toolWords(state, current.spacing_mm));
    setText(hintLine, hintWords(state));
  });
  return [
    h("div", { class: "hud tl" }, caseLine, viewLine),
    h("div", { class: "hud tr" }, windowLine, zoomLine),
    h("div", { class: "hud br" }, brushLine, hintLine),
  ];
}

function createNotice(store: Store<RoomState>, verbs: Verbs): HTMLElement {
  const words = h("span", {});
  const signIn = h("button", { type: "button" }, "Sign in");
  const retry = h("button", { type: "button" }, "Try again now");
  const skip = h("button", { type: "button" }, "Go to the next case");
  skip.addEventListener("click", () => verbs.skip());
  signIn.addEventListener("click", () => verbs.signIn());
  retry.addEventListener("click", () => verbs.retry());
  const box = h("div", { class: "notice", role: "alert" }, words, signIn, retry, skip);
  store.subscribe((state) => {
    const { phase, problem } = state.save;
    const isOther = problem?.code === "another_account";
    const isOut = !isOther && (phase === "signed_out" || problem?.status === 401);
    let text = state.notice;
    if (isOther) text = problem.detail;
    else if (isOut)
      text = `You are signed out.${state.journalFailure ? "" : " What you draw is kept here."}`;
    else if (phase === "lost" && !text) text = problem?.detail ?? "";
    else if (state.journalFailure && !text) text = state.journalFailure;
    setText(words, text);
    signIn.hidden = !isOut;
    retry.hidden = (phase !== "offline" && !isOther) || text === "";
    skip.hidden = phase !== "lost";
    box.hidden = text === "" || state.phase !== "reading";
  });
  box.hidden = true;
  return box;
}

function createCurtain(config: ReadingConfig, store: Store<RoomState>): HTMLElement {
  const title = h("h1", {});
  const words = h("p", {});
  const back = h(
    "a",
    { href: config.projectUrl, class: "button" },
    `Back to ${config.projectName}`,
  );
  const signIn = h("a", { href: config.signInUrl, class: "button" }, "Sign in");
  const again = h("button", { type: "button" }, "Try again");
  again.addEventListener("click", () => location.reload());
  const curtain = h(
    "div",
    { class: "curtain", role: "status" },
    title,
    words,
    h("p", { class: "row" }, back, signIn, again),
  );
  const refresh = (state: RoomState) => {
    curtain.hidden = state.phase === "reading";
    back.hidden = state.phase === "loading";
    again.hidden = state.phase !== "failed";
    signIn.hidden = state.phase !== "failed" || state.save.problem?.status !== 401;
    const said = {
      loading: ["Opening the next case", ""],
      empty: ["All read", "There is nothing left for you to read here. Thank you."],
      failed: ["The next case could not be opened", state.message],
      reading: ["", ""],
    } as const;
    setText(title, said[state.phase][0]);
    setText(words, said[state.phase][1]);
  };
  store.subscribe(refresh);
  refresh(store.get());
  return curtain;
}

export function createOverlays(
  config: ReadingConfig,
  store: Store<RoomState>,
  verbs: Verbs,
): HTMLElement[] {
  return [...corners(store), createNotice(store, verbs), createCurtain(config, store)];
}
