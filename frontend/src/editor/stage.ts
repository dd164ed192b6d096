/** The film's place in the page: six canvases on one another, kept at the screen's real pixels. */

import { h } from "./dom";
import type { LayerPictures } from "./layers";
import type { Hand } from "./pointer";
import type { Canvases, Renderer, Scene } from "./render";
import type { Room } from "./room";
import type { RoomState } from "./state";
import { resize } from "./viewport";

function sceneOf(room: Room, hand: Hand, layers: LayerPictures): Scene {
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
    mask: room.sitting()?.desk.mask ?? null,
    look: state.isNaked ? "hidden" : state.look,
    opacity: state.opacity,
    peek: state.isNaked ? null : room.peek(),
    ring: hand.ring(),
    outline: hand.outline(),
  };
}

/** What of the picture a change of state touches. */
function redraw(renderer: Renderer, now: RoomState, before: RoomState): void {
  const isMoved = now.view !== before.view;
  const isOtherCase = now.current !== before.current;
  if (isOtherCase || isMoved) {
    renderer.invalidate({ film: true, layers: true, mask: "all", peek: true, cursor: true });
    return;
  }
  if (now.layers !== before.layers || now.isNaked !== before.isNaked)
    renderer.invalidate({ layers: true });
  const isOtherFilm =
    now.window !== before.window ||
    now.isInverted !== before.isInverted ||
    now.isWindowing !== before.isWindowing;
  const isOtherMask =
    now.look !== before.look || now.opacity !== before.opacity || now.isNaked !== before.isNaked;
  if (isOtherFilm) renderer.invalidate({ film: true });
  if (isOtherMask) renderer.invalidate({ mask: "all", peek: true });
  if (now.tool !== before.tool || now.radius !== before.radius)
    renderer.invalidate({ cursor: true });
}

export function createStage() {
  const canvases: Canvases = {
    film: h("canvas", { "aria-hidden": "true" }),
    heat: h("canvas", { "aria-hidden": "true", class: "heat" }),
    lung: h("canvas", { "aria-hidden": "true", class: "lung" }),
    mask: h("canvas", { "aria-hidden": "true" }),
    peek: h("canvas", { "aria-hidden": "true" }),
    cursor: h("canvas", { "aria-label": "Mask editor", role: "application", tabindex: "0" }),
  };
  const element = h("main", { class: "stage" }, ...Object.values(canvases));

  function connect(room: Room, renderer: Renderer): void {
    const { store } = room;
    const measure = () => {
      const { width, height } = element.getBoundingClientRect();
      const size = { width: Math.floor(width), height: Math.floor(height) };
      const { view, current } = store.get();
      const image = current?.image ?? { width: 1, height: 1 };
      const next = resize(view, size, window.devicePixelRatio || 1, image);
      renderer.resize(next);
      store.set({ view: next });
    };
    new ResizeObserver(measure).observe(element);
    measure();
    store.subscribe((now, before) => {
      redraw(renderer, now, before);
      if (now.tool !== before.tool) element.dataset["tool"] = now.tool;
    });
    element.dataset["tool"] = store.get().tool;
    room.onPaint((rect) => {
      if (rect === "all")
        renderer.invalidate({ film: true, layers: true, mask: "all", peek: true });
      else if (rect.x1 <= rect.x0) renderer.invalidate({ peek: true });
      else renderer.invalidate({ mask: rect });
    });
  }

  return { canvases, element, sceneOf, connect };
}
