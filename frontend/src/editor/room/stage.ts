/** The film's element: six canvases on top of each other, turned together, at device resolution. */

import type { Mask } from "../../mask/bitmap";
import { words } from "../../words";
import type { RoomState } from "../actions/state";
import type { PointerInput } from "../drawing/pointerinput";
import { placeFrame } from "../film/canvas";
import type { ShownLayers } from "../film/layers";
import { resize } from "../film/viewport";
import { h } from "../page/elements";
import type { Canvases, Renderer, Scene } from "./render";
import type { Room } from "./room";

function sceneOf(
  room: Room,
  pointerInput: PointerInput,
  layers: ShownLayers,
  compared: Mask | null,
): Scene {
  const state = room.store.get();
  return {
    image: state.current?.image ?? null,
    film: room.film(),
    preview: room.preview(),
    view: state.view,
    window: state.window,
    isWindowing: state.isWindowing,
    isInverted: state.isInverted,
    layers,
    mask: room.openCase()?.maskDocument.mask ?? null,
    look: state.isOnlyFilmShown ? "hidden" : state.look,
    opacity: state.opacity,
    compared: state.isOnlyFilmShown ? null : compared,
    candidateMask: state.isOnlyFilmShown ? null : room.candidateMask(),
    ring: pointerInput.ring(),
    outline: pointerInput.outline(),
    cross: pointerInput.cross.at(),
    ruler: state.isOnlyFilmShown ? null : state.ruler,
  };
}

/** Ask for the parts of the picture that a change of state affects. */
function redraw(renderer: Renderer, now: RoomState, before: RoomState): void {
  const isMoved = now.view !== before.view;
  const isOtherCase = now.current !== before.current;
  if (isOtherCase || isMoved) {
    renderer.invalidate({
      film: true,
      layers: true,
      mask: "all",
      candidateMask: true,
      cursor: true,
    });
    return;
  }
  if (now.layers !== before.layers || now.isOnlyFilmShown !== before.isOnlyFilmShown)
    renderer.invalidate({ layers: true });
  const isOtherFilm =
    now.window !== before.window ||
    now.isInverted !== before.isInverted ||
    now.isWindowing !== before.isWindowing;
  const isOtherMask =
    now.look !== before.look ||
    now.opacity !== before.opacity ||
    now.isOnlyFilmShown !== before.isOnlyFilmShown;
  if (isOtherFilm) renderer.invalidate({ film: true });
  if (isOtherMask) renderer.invalidate({ mask: "all", candidateMask: true });
  const isOtherCursor =
    now.tool !== before.tool ||
    now.radius !== before.radius ||
    now.isRegionNext !== before.isRegionNext ||
    now.isOnlyFilmShown !== before.isOnlyFilmShown ||
    now.cross !== before.cross ||
    now.ruler !== before.ruler;
  if (isOtherCursor) renderer.invalidate({ cursor: true });
}

export function createStage() {
  const canvases: Canvases = {
    film: h("canvas", { "aria-hidden": "true" }),
    heat: h("canvas", { "aria-hidden": "true", class: "heat" }),
    lung: h("canvas", { "aria-hidden": "true", class: "lung" }),
    mask: h("canvas", { "aria-hidden": "true" }),
    candidateMask: h("canvas", { "aria-hidden": "true" }),
    cursor: h("canvas", { "aria-label": words.hud.editor, role: "application", tabindex: "0" }),
  };
  // This element is turned, not the canvases: all drawing stays in the film's own frame.
  const frame = h("div", { class: "frame" }, ...Object.values(canvases));
  const element = h("main", { class: "stage" }, frame);

  /** Tell the style sheet which tool is chosen. It sets the shape of the pointer. */
  function showTool({ tool, isRegionNext }: RoomState): void {
    const shown = isRegionNext ? "region" : tool;
    if (element.dataset["tool"] !== shown) element.dataset["tool"] = shown;
  }

  function connect(room: Room, renderer: Renderer): void {
    const { store } = room;
    const measure = () => {
      const { view, current, orientation } = store.get();
      const ratio = window.devicePixelRatio || 1;
      const size = placeFrame(frame, element, orientation, ratio);
      const image = current?.image ?? { width: 1, height: 1 };
      const next = resize(view, size, ratio, image);
      renderer.resize(next);
      store.set({ view: next });
    };
    /** A screen of another resolution may leave the size in CSS pixels the same, so watch the ratio. */
    const watchRatio = () => {
      const same = matchMedia(`(resolution: ${window.devicePixelRatio}dppx)`);
      const moved = () => {
        measure();
        watchRatio();
      };
      same.addEventListener("change", moved, { once: true });
    };
    watchRatio();
    new ResizeObserver(measure).observe(element);
    measure();
    store.subscribe((now, before) => {
      if (now.orientation !== before.orientation) measure();
      redraw(renderer, now, before);
      showTool(now);
    });
    showTool(store.get());
    room.onPaint((rect) => {
      if (rect === "all")
        renderer.invalidate({ film: true, layers: true, mask: "all", candidateMask: true });
      else if (rect.x1 <= rect.x0) renderer.invalidate({ candidateMask: true });
      else renderer.invalidate({ mask: rect });
    });
  }

  return { canvases, element, sceneOf, connect };
}
