/** Words on the film and about it: its corners, tools, windows, the ruler, and the other days. */

import { corners, days, joined, millimetres } from "./amounts";

export const hud = {
  editor: "Mask editor",
  tools: {
    pan: "",
    window: "",
    brush: "brush",
    eraser: "eraser",
    threshold: "threshold brush",
    lasso: "lasso",
    polygon: "polygon",
    copy: "copy from candidate",
    ruler: "ruler",
  },
  hints: {
    threshold: "paints what is as bright as the start, or brighter",
    polygon: "click to set each corner",
    copy: "draw around the region to copy",
    ruler: "drag from end to end; Esc removes it",
  },
  regionTool: "window from a region",
  regionHint: "drag over the region; Esc cancels",
  loadingHint: "preview, film is loading",
  crossHint: "arrows move the cross, Space presses",
  crossHeldHint: "arrows drag, Space ends, Esc cancels",
  openPolygonHint: "Enter closes it, Ctrl+Z removes a corner",
  onlyFilmHint: "hold Space: film only",
  subtracts: " · subtracts",
  brushPixels: (across: number) => `${across} px`,
  brushMillimetres: (across: number) => millimetres(across, across < 10 ? 1 : 0),
  case: (key: string, day: number | null) => `case ${key}${day === null ? "" : ` · day ${day}`}`,
  window: (width: number, level: number, isInverted: boolean) =>
    `W ${Math.round(width)} · L ${Math.round(level)}${isInverted ? " · inverted" : ""}`,
  zoom: (share: number) => `zoom ${Math.round(share * 100)} %`,
  turned: (degrees: number, isMirrored: boolean) =>
    joined([degrees ? `rotated ${degrees}°` : "", isMirrored ? "mirrored" : ""], ", "),
  exchanged: (turned: string) => `${turned}: left and right are exchanged`,
};

/** What a screen reader says about the keyboard's cross. */
export const cross = {
  at: (x: number, y: number) => `x ${x}, y ${y}`,
  pressed: "pressed",
  set: corners,
  line: (parts: readonly string[]) => joined(parts, ", "),
};

export const ruler = {
  name: "Ruler",
  pixels: (length: number) => `${Math.round(length)} px, spacing unknown`,
  millimetres: (length: number) => millimetres(length, length < 100 ? 1 : 0),
};

export const film = {
  title: "Film",
  windows: {
    auto: "Auto",
    lung: "Lung",
    mediastinum: "Mediastinum",
    bone: "Bone",
    full: "Full",
  },
  windowGroup: "Film window",
  nextWindow: "next window ",
  windowName: (name: string) => `${name} window`,
  fullWindow: "Full window: every value that the film's depth can hold",
  /** `from` and `to`: shares of the range. */
  bandWindow: (name: string, from: number, to: number) =>
    `${name} window: ${Math.round(100 * from)} to ${Math.round(100 * to)} % of the range from the film's 1st to its 99th percentile`,
  withNextKey: (explained: string, key: string) => `${explained} (${key}: the next window)`,
};

export const drawing = {
  crossHolds:
    "A question is waiting. Press Space to end what the cross draws, or Esc to cancel it.",
  polygonCorners: "A polygon needs three corners.",
  polygonDropped: "The open polygon had fewer than three corners and was removed.",
  region: "Drag a rectangle over the part of the film that you want to see.",
  noSource: "This case has no candidate to copy from.",
  sourceMissing: (letter: string) => `Candidate ${letter} is not loaded, so nothing was copied.`,
  filmLoading: "The film is still loading. The threshold brush works when the film has loaded.",
};

/** What a clean-up says if it changed nothing. */
export const cleanup = {
  fillHoles: "The mask has no hole to fill.",
  removeIslands: (share: number) =>
    `No part of the mask is smaller than ${100 * share} % of the film.`,
  smooth: "The outline is smooth already.",
  grow: "There is nothing to grow.",
  shrink: "There is nothing to shrink.",
  noLung: "No lung was found on this film, so nothing was clipped.",
  allInside: "The whole mask lies inside the lungs already.",
};

const dayApart = (apart: number) =>
  apart === 0 ? "the same day" : `${days(Math.abs(apart))} ${apart < 0 ? "earlier" : "later"}`;

export const compare = {
  region: "Other days",
  picture: "Film of another day",
  choice: "Film to compare with",
  next: "Next film",
  close: "Close",
  closeName: "Close the other film",
  again: "Try again",
  loading: "loading",
  filmLoading: "preview, film is loading",
  sameScale: "same scale in mm",
  notToScale: "each film fits its pane, not to scale",
  place: (number: number, of: number) => `film ${number} of ${of}`,
  line: (parts: readonly string[]) => joined(parts, " · "),
  /** "day 7 (5 days earlier), AP" */
  film: (day: number | null, caseDay: number | null, view: string) => {
    const seen = view === "" ? "" : `, ${view}`;
    if (day === null) return `day unknown${seen}`;
    if (caseDay === null) return `day ${day}${seen}`;
    return `day ${day} (${dayApart(day - caseDay)})${seen}`;
  },
  notListed: (detail: string) => `The other films could not be listed. ${detail}`,
  none: "This patient has no other film any more.",
};
