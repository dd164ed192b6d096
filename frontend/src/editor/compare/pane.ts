/**
 * The pane beside the stage: another film of the patient, its caption, and the choice of the film.
 */

import { words } from "../../words";
import type { ActionHandlers } from "../actions/handlers";
import type { Registry } from "../actions/registry";
import type { RoomState } from "../actions/state";
import { isCompareShown } from "../actions/state";
import type { Pointing } from "../drawing/pointerevents";
import { clear, context, placeFrame } from "../film/canvas";
import { createFilmDrawer, type FilmScene } from "../film/draw";
import { orientationWords } from "../film/orientation";
import type { Size } from "../film/viewport";
import { blurAfterPointer, h, keycap, setText } from "../page/elements";
import type { Store } from "../page/store";
import { type Comparer, chosenFilm, filmWords } from "./comparison";
import { type Extent, isScaledInMm, linkView, linkWindow } from "./linking";
import { listenOnOtherFilm } from "./pointer";

type Windowed = { readonly window_center: number; readonly window_width: number };

const windowOf = ({ window_center, window_width }: Windowed) => ({
  center: window_center,
  width: window_width,
});

function extentsOf(state: RoomState): { base: Extent; other: Extent } | null {
  const film = chosenFilm(state);
  if (!state.current || !film) return null;
  const { image, spacing_mm } = state.current;
  return {
    base: { image, spacing: spacing_mm },
    other: { image: film.image, spacing: film.spacing_mm },
  };
}

/** What the pane draws: the other film with the place and the window of the case's film. */
function sceneOf(state: RoomState, comparer: Comparer, pane: Size): FilmScene | null {
  const film = chosenFilm(state);
  const extents = extentsOf(state);
  if (!film || !extents || !state.current) return null;
  const { base, other } = extents;
  const { isWindowing, isInverted } = state;
  const window = linkWindow(state.window, windowOf(state.current.image), windowOf(film.image));
  const view = linkView(state.view, base, other, pane);
  return { ...comparer.pictures(), image: film.image, view, window, isWindowing, isInverted };
}

function smallWords(state: RoomState): string {
  const { comparison } = state;
  const extents = extentsOf(state);
  if (!comparison) return words.compare.loading;
  if (!extents) return "";
  const { films, chosen, hasFilm, problem } = comparison;
  const { place, line, filmLoading, sameScale, notToScale } = words.compare;
  const which = films.length > 1 ? place(chosen + 1, films.length) : "";
  if (!hasFilm && !problem) return line([which, filmLoading]);
  const isInMm = isScaledInMm(extents.base, extents.other);
  const scale = isInMm ? sameScale : notToScale;
  return line([which, scale, orientationWords(state.orientation)]);
}

/** The parts of the state on which the pane's picture depends. */
const DRAWN_PARTS = [
  "current",
  "phase",
  "isComparing",
  "comparison",
  "view",
  "window",
  "isWindowing",
  "isInverted",
] as const;

function createChoice(
  store: Store<RoomState>,
  handlers: ActionHandlers,
  hint: string,
): HTMLSelectElement {
  const choice = h("select", { "aria-label": words.compare.choice, title: hint });
  let listed: unknown = null;
  choice.addEventListener("change", () => handlers.compareWith(choice.selectedIndex));
  blurAfterPointer(choice);
  choice.addEventListener("keydown", (event) => {
    if (event.key === "Escape") choice.blur();
  });
  store.subscribe(({ comparison, current }) => {
    const films = comparison?.films ?? [];
    if (films !== listed) {
      listed = films;
      const texts = films.map((film) => filmWords(film, current?.day ?? null));
      choice.replaceChildren(...texts.map((text) => h("option", {}, text)));
    }
    choice.hidden = films.length < 2;
    choice.selectedIndex = comparison?.chosen ?? -1;
  });
  return choice;
}

function createProblem(store: Store<RoomState>, handlers: ActionHandlers): HTMLElement {
  const text = h("span", {});
  const again = h("button", { type: "button", class: "button" }, words.compare.again);
  again.addEventListener("click", () => handlers.retryCompare());
  const box = h("div", { class: "problem", role: "alert" }, text, again);
  store.subscribe(({ comparison }) => {
    setText(text, comparison?.problem ?? "");
    box.hidden = !comparison?.problem;
  });
  box.hidden = true;
  return box;
}

type PaneParts = {
  readonly store: Store<RoomState>;
  readonly handlers: ActionHandlers;
  readonly pointing: Pointing;
  readonly comparer: Comparer;
  readonly registry: Registry;
};

export function createComparePane({ store, handlers, pointing, comparer, registry }: PaneParts) {
  const closeKey = registry.keyOf("compare");
  const nextHint = words.withKey(words.compare.next, registry.keyOf("next-comparison"));
  const canvas = h("canvas", { role: "img", "aria-label": words.compare.picture });
  const caption = h("span", {});
  const small = h("span", { class: "dim" });
  const close = h(
    "button",
    {
      type: "button",
      class: "close",
      "aria-label": words.compare.closeName,
      title: words.withKey(words.compare.close, closeKey),
    },
    words.compare.close,
    keycap(closeKey),
  );
  close.addEventListener("click", () => handlers.toggleCompare());
  const element = h(
    "section",
    { class: "compare", "aria-label": words.compare.region },
    canvas,
    h("div", { class: "hud tl" }, caption, createChoice(store, handlers, nextHint), small),
    close,
    createProblem(store, handlers),
  );
  let pane: Size = { width: 0, height: 0 };
  let isDue = false;
  // A drawer holds the film that it drew last. A drawer for each film lets go of the old film.
  let drawer: { readonly draw: (scene: FilmScene) => void; readonly film: unknown } | null = null;

  function draw(): void {
    isDue = false;
    const state = store.get();
    const scene = isCompareShown(state) ? sceneOf(state, comparer, pane) : null;
    if (!scene) {
      drawer = null;
      // Another patient's film must not stay while the next list is being loaded.
      clear(context(canvas));
      return;
    }
    const { film } = scene;
    if (drawer?.film !== film) drawer = { draw: createFilmDrawer(canvas), film };
    drawer.draw(scene);
  }

  function invalidate(): void {
    if (!isDue) requestAnimationFrame(draw);
    isDue = true;
  }

  function measure(): void {
    const { orientation, view } = store.get();
    const { pixelRatio } = view;
    pane = placeFrame(canvas, element, orientation, pixelRatio);
    canvas.width = Math.round(pane.width * pixelRatio);
    canvas.height = Math.round(pane.height * pixelRatio);
    invalidate();
  }

  function refresh(state: RoomState, before?: RoomState): void {
    element.hidden = !isCompareShown(state);
    const isOtherFrame =
      state.orientation !== before?.orientation || state.view.pixelRatio !== before.view.pixelRatio;
    if (isOtherFrame) measure();
    const film = element.hidden ? null : chosenFilm(state);
    // If there are several films, the choice names the film.
    const isOnlyOne = state.comparison?.films.length === 1;
    setText(caption, film && isOnlyOne ? filmWords(film, state.current?.day ?? null) : "");
    setText(small, element.hidden ? "" : smallWords(state));
    if (DRAWN_PARTS.some((part) => state[part] !== before?.[part])) invalidate();
  }

  new ResizeObserver(measure).observe(element);
  store.subscribe(refresh);
  refresh(store.get());
  comparer.onPaint(invalidate);
  listenOnOtherFilm(canvas, pointing, () => pane);
  return { element, scene: () => sceneOf(store.get(), comparer, pane) };
}
