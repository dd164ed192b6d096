/** A read-only handle for browser tests, so that they assert pixels and not screenshots. */

import { countSet, fingerprint } from "../../mask/bitmap";
import type { RoomState } from "../actions/state";
import type { FilmScene } from "../film/draw";
import { frameToStage } from "../film/orientation";
import { imagePoint, imageToScreen } from "../film/viewport";
import type { Room } from "./room";

/** Where an image point is in the page. */
function pagePoint(canvas: HTMLCanvasElement, state: RoomState, x: number, y: number) {
  const { orientation, view } = state;
  const box = canvas.getBoundingClientRect();
  const inFrame = imageToScreen(view, imagePoint(x, y));
  const at = frameToStage(orientation, view.screen, inFrame);
  return { x: box.left + at.x, y: box.top + at.y };
}

export function exposeTestHandle(
  room: Room,
  canvas: HTMLCanvasElement,
  beside: () => FilmScene | null,
): void {
  const mask = () => room.openCase()?.maskDocument.mask ?? null;
  const handle = {
    mask: {
      at: (x: number, y: number): number => {
        const now = mask();
        return now ? (now.data[y * now.width + x] ?? 0) : 0;
      },
      size: () => ({ width: mask()?.width ?? 0, height: mask()?.height ?? 0 }),
      count: () => {
        const now = mask();
        return now ? countSet(now) : 0;
      },
      hash: () => {
        const now = mask();
        return now ? fingerprint(now) : "";
      },
      /** Every pixel, 0 or 1, in base 64: tests compare it with the server's mask. */
      base64: () => {
        const data = mask()?.data ?? new Uint8Array(0);
        let text = "";
        for (let i = 0; i < data.length; i += 8192)
          text += String.fromCharCode(...data.subarray(i, i + 8192));
        return btoa(text);
      },
    },
    state: () => {
      const state = structuredClone(room.store.get());
      // The browser tests read these two by older names, which stay.
      return { ...state, isNaked: state.isOnlyFilmShown, peek: state.shownCandidate };
    },
    /** Where and in which window the film beside the case is drawn. */
    beside: () => {
      const scene = beside();
      return scene && { view: scene.view, window: scene.window, image: scene.image };
    },
    zoom: () => room.store.get().view.zoom,
    imageToScreen: (x: number, y: number) => pagePoint(canvas, room.store.get(), x, y),
  };
  Object.defineProperty(window, "roundtruth", { value: Object.freeze(handle) });
}
