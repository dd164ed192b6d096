/** The actions that change how the film is shown: place, window, orientation. None changes a mask. */

import type { ActionHandlers } from "../actions/handlers";
import type { PointerInput } from "../drawing/pointerinput";
import { isFilmHeld } from "../drawing/state";
import { flipped, type Orientation, rotated } from "../film/orientation";
import { presetWindow } from "../film/presets";
import { actualSize, fitImage, screenPoint } from "../film/viewport";
import type { Room } from "./room";

export function createFilmHandlers({ store, film }: Room, pointerInput: () => PointerInput) {
  /** Turn the film, but not during a stroke: the next point would be far from the last. */
  const turn = (turned: (now: Orientation) => Orientation) => {
    if (!pointerInput().isHeld()) store.set({ orientation: turned(store.get().orientation) });
  };

  return {
    setView: (view) => store.set({ view }),
    fit: () => {
      const { view, current } = store.get();
      if (current && !isFilmHeld(store.get())) store.set({ view: fitImage(view, current.image) });
    },
    actualSize: () => {
      const { view, current } = store.get();
      const { width, height } = view.screen;
      const at = pointerInput().at() ?? screenPoint(width / 2, height / 2);
      if (current && !pointerInput().isHeld())
        store.set({ view: actualSize(view, at, current.image) });
    },
    rotate: () => turn(rotated),
    flip: () => turn(flipped),
    setWindow: (window, isWindowing) => {
      const { window: before, preset } = store.get();
      const isSame = window.center === before.center && window.width === before.width;
      store.set({ window, isWindowing, preset: isSame ? preset : null });
    },
    setPreset: (preset) => {
      const now = film();
      if (now) store.set({ window: presetWindow(now, preset), preset });
    },
    toggleCross: () => pointerInput().toggleCross(),
    moveCross: (right, down) => pointerInput().cross.move(right, down),
    pressCross: () => pointerInput().cross.press(),
    chooseRegion: () => store.set({ isRegionNext: !store.get().isRegionNext }),
    resetWindow: () => {
      const image = store.get().current?.image;
      if (!image) return;
      const window = { center: image.window_center, width: image.window_width };
      store.set({ window, preset: null, isInverted: false });
    },
    toggleInvert: () => store.set({ isInverted: !store.get().isInverted }),
  } satisfies Partial<ActionHandlers>;
}
