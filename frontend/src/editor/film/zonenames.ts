/** The names of the lungs' zones over the film, each beside its zone. A blind read shows none. */

import type { Case } from "../../api/types";
import { clipRect, isEmptyRect, type Rect } from "../../mask/bitmap";
import { words } from "../../words";
import { h } from "../page/elements";
import type { Store } from "../page/store";
import { isLayerShown } from "./layers";
import { frameToStage, toStage, turnedSize } from "./orientation";
import type { FilmState } from "./state";
import { imagePoint, imageToScreen, screenPoint, type Viewport } from "./viewport";
import { type ZonePlace, zonePlaces } from "./zones";

/** The part of an image rectangle that is on the screen, in the frame's CSS pixels. */
function onScreen(rect: Rect, view: Viewport): Rect {
  const from = imageToScreen(view, imagePoint(rect.x0, rect.y0));
  const to = imageToScreen(view, imagePoint(rect.x1, rect.y1));
  const screen = { x0: 0, y0: 0, x1: view.screen.width, y1: view.screen.height };
  return clipRect({ x0: from.x, y0: from.y, x1: to.x, y1: to.y }, screen);
}

/**
 * A name stands outward of its zone, beside the lung that is read, as the stage's CSS has it; null
 * where the zone is out of sight.
 */
export function nameTranslation(
  { side, rect }: ZonePlace,
  { view, orientation }: Pick<FilmState, "view" | "orientation">,
): string | null {
  const seen = onScreen(rect, view);
  if (isEmptyRect(seen)) return null;
  const edge = screenPoint(side === "right" ? seen.x0 : seen.x1, (seen.y0 + seen.y1) / 2);
  const at = frameToStage(orientation, view.screen, edge);
  const { width, height } = turnedSize(orientation, view.screen);
  const [across, down] = toStage(orientation, view.screen);
  const outward = side === "right" ? -1 : 1;
  const within = (value: number, way: number, room: number) =>
    `clamp(0px, calc(${Math.round(value)}px + ${50 * (outward * way - 1)}%), calc(${Math.floor(room)}px - 100%))`;
  return `${within(at.x, across, width)} ${within(at.y, down, height)}`;
}

/** The names are page text, so they stay upright on a turned film. Screen readers use the table. */
export function createZoneNames(store: Store<FilmState>): HTMLElement {
  const element = h("div", { class: "zones", "aria-hidden": "true" });
  const { sides, zones, place } = words.findings;
  let named: Case | null = null;
  let labels: readonly { readonly place: ZonePlace; readonly label: HTMLElement }[] = [];

  function name(current: Case | null): void {
    if (current === named) return;
    named = current;
    labels = zonePlaces(current).map((zonePlace) => ({
      place: zonePlace,
      label: h("span", {}, place(sides[zonePlace.side], zones[zonePlace.zone])),
    }));
    // Hidden words are still in the page: a blind read must not even hold them.
    element.replaceChildren(...labels.map(({ label }) => label));
  }

  store.subscribe((state) => {
    name(isLayerShown(state, "lung") ? state.current : null);
    for (const { place: zonePlace, label } of labels) {
      const translation = nameTranslation(zonePlace, state);
      label.hidden = translation === null;
      if (translation !== null) label.style.translate = translation;
    }
  });
  return element;
}
