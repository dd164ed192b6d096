/**
 * The words in the film's corners, the notices over it, and the page shown when there is no film.
 */

import type { ReadingConfig } from "../../api/types";
import { words } from "../../words";
import type { ActionHandlers } from "../actions/handlers";
import type { RoomState } from "../actions/state";
import { createRulerLabel, rulerWords } from "../drawing/ruler";
import { BRUSHES, copySource, isCrossShown, SUBTRACTORS, type Tool } from "../drawing/state";
import { type Orientation, orientationWords } from "../film/orientation";
import { h, setText } from "../page/elements";
import { createSpeech } from "../page/speech";
import type { Store } from "../page/store";

export function brushWords(radius: number, spacing: number | null): string {
  const across = 2 * radius;
  return spacing === null
    ? words.hud.brushPixels(across)
    : words.hud.brushMillimetres(across * spacing);
}

function toolWords(state: RoomState, spacing: number | null): string {
  const { tool, radius, isSubtracting, isRegionNext } = state;
  if (isRegionNext) return words.hud.regionTool;
  const size = BRUSHES.includes(tool) ? ` ${brushWords(radius, spacing)}` : "";
  const takes = isSubtracting && SUBTRACTORS.includes(tool) ? words.hud.subtracts : "";
  const from = tool === "copy" ? ` ${copySource(state)?.letter ?? ""}` : "";
  return `${words.hud.tools[tool]}${size}${takes}${from}`;
}

const HINTS: Partial<Readonly<Record<Tool, string>>> = words.hud.hints;

function hintWords(state: RoomState): string {
  const { hasFilm, tool, corners, isRegionNext } = state;
  if (!hasFilm) return words.hud.loadingHint;
  if (isRegionNext) return words.hud.regionHint;
  if (state.cross?.isDown) return words.hud.crossHeldHint;
  if (corners > 0) return words.hud.openPolygonHint;
  if (isCrossShown(state)) return words.hud.crossHint;
  return HINTS[tool] ?? words.hud.onlyFilmHint;
}

/** What a screen reader hears of the cross and of the ruler. */
function pointerWords(state: RoomState): string {
  const { cross, corners, tool, ruler, current } = state;
  const { at, pressed, set } = words.cross;
  const isHeard = cross !== null && isCrossShown(state);
  return words.cross.line([
    isHeard ? at(cross.at.x, cross.at.y) : "",
    isHeard && cross.isDown ? pressed : "",
    corners > 0 ? set(corners) : "",
    tool === "ruler" && ruler && current ? rulerWords(ruler, current.spacing_mm) : "",
  ]);
}

function createPointerSpeech(store: Store<RoomState>): HTMLElement {
  const { element, say } = createSpeech();
  store.subscribe((state) => say(pointerWords(state)));
  return element;
}

/** Warn of a mirrored film, so that the reader does not confuse left and right. */
function turnedWords(orientation: Orientation): string {
  const turned = orientationWords(orientation);
  return orientation.isMirrored ? words.hud.exchanged(turned) : turned;
}

function createCorners(store: Store<RoomState>): HTMLElement[] {
  const line = () => [h("span", {}), h("span", { class: "dim" })] as const;
  const [[caseLine, viewLine], [windowLine, zoomLine], [brushLine, hintLine]] = [
    line(),
    line(),
    line(),
  ];
  const turned = h("strong", { class: "turned", role: "status" });
  store.subscribe((state) => {
    const { current } = state;
    setText(turned, turnedWords(state.orientation));
    turned.hidden = turned.textContent === "";
    if (!current || state.phase !== "reading") return;
    setText(caseLine, words.hud.case(current.case_key, current.day));
    setText(viewLine, current.view);
    const { center, width } = state.window;
    setText(windowLine, words.hud.window(width, center, state.isInverted));
    setText(zoomLine, words.hud.zoom(state.view.zoom * state.view.pixelRatio));
    setText(brushLine, toolWords(state, current.spacing_mm));
    setText(hintLine, hintWords(state));
  });
  return [
    h("div", { class: "hud tl" }, caseLine, viewLine, turned),
    h("div", { class: "hud tr" }, windowLine, zoomLine),
    h("div", { class: "hud br" }, brushLine, hintLine),
  ];
}

function createNotice(store: Store<RoomState>, handlers: ActionHandlers): HTMLElement {
  const message = h("span", {});
  const signIn = h("button", { type: "button" }, words.notices.signIn);
  const retry = h("button", { type: "button" }, words.notices.retry);
  const skip = h("button", { type: "button" }, words.notices.skip);
  skip.addEventListener("click", () => handlers.skip());
  signIn.addEventListener("click", () => handlers.signIn());
  retry.addEventListener("click", () => handlers.retry());
  const box = h("div", { class: "notice", role: "alert" }, message, signIn, retry, skip);
  store.subscribe((state) => {
    const { phase } = state.save;
    const problem = state.save.problem ?? state.outgoing?.problem ?? null;
    const isOther = problem?.code === "another_account";
    const isOut = !isOther && (phase === "signed_out" || problem?.status === 401);
    let text = state.notice;
    if (state.isQuestionDue && state.cross?.isDown) text = words.drawing.crossHolds;
    else if (isOther) text = problem.detail;
    else if (isOut)
      text = state.journalFailure ? words.notices.signedOut : words.notices.signedOutKept;
    else if (phase === "lost" && !text) text = problem?.detail ?? "";
    else if (state.journalFailure && !text) text = state.journalFailure;
    setText(message, text);
    signIn.hidden = !isOut;
    retry.hidden = (phase !== "offline" && !state.outgoing && !isOther) || text === "";
    skip.hidden = phase !== "lost";
    box.hidden = text === "" || state.phase !== "reading";
  });
  box.hidden = true;
  return box;
}

function createCurtain(config: ReadingConfig, store: Store<RoomState>): HTMLElement {
  const title = h("h1", {});
  const why = h("p", {});
  const back = h(
    "a",
    { href: config.projectUrl, class: "button" },
    words.curtain.back(config.projectName),
  );
  const signIn = h("a", { href: config.signInUrl, class: "button" }, words.curtain.signIn);
  const again = h("button", { type: "button" }, words.curtain.again);
  again.addEventListener("click", () => location.reload());
  const curtain = h(
    "div",
    { class: "curtain", role: "status" },
    title,
    why,
    h("p", { class: "row" }, back, signIn, again),
  );
  const refresh = (state: RoomState) => {
    curtain.hidden = state.phase === "reading";
    back.hidden = state.phase === "loading";
    again.hidden = state.phase !== "failed";
    signIn.hidden = state.phase !== "failed" || state.save.problem?.status !== 401;
    const texts = {
      loading: [words.curtain.loading, ""],
      empty: [words.curtain.empty, words.curtain.emptyWhy],
      failed: [words.curtain.failed, state.message],
      reading: ["", ""],
    } as const;
    setText(title, texts[state.phase][0]);
    setText(why, texts[state.phase][1]);
  };
  store.subscribe(refresh);
  refresh(store.get());
  return curtain;
}

export function createOverlays(
  config: ReadingConfig,
  store: Store<RoomState>,
  handlers: ActionHandlers,
): HTMLElement[] {
  return [
    createRulerLabel(store),
    createPointerSpeech(store),
    ...createCorners(store),
    createNotice(store, handlers),
    createCurtain(config, store),
  ];
}
