/** What the room shows of the case and its film: one value, replaced on every change. */

import type { Case } from "../../api/types";
import type { Window } from "./film";

import { type Orientation, UPRIGHT } from "./orientation";
import type { Preset } from "./presets";
import { EMPTY_VIEWPORT, type Viewport } from "./viewport";

export type LayerName = "infection" | "activation" | "lung" | "disagreement";
export type Phase = "loading" | "reading" | "empty" | "failed";

/** The case that is open, and what is said about it. */
export type CaseState = {
  readonly phase: Phase;
  /** Why no case could be shown. */
  readonly message: string;
  readonly notice: string;
  readonly current: Case | null;
  /** Whether a decision is on its way: nothing may be drawn or decided meanwhile. */
  readonly isBusy: boolean;
};

/** How the film is shown. None of this changes a mask. */
export type FilmState = CaseState & {
  readonly hasFilm: boolean;
  readonly view: Viewport;
  /** How the film is turned on the screen. Masks and all that is saved are never turned. */
  readonly orientation: Orientation;
  readonly window: Window;
  /** The window preset in use. Null: the case's own window, or one that was set by hand. */
  readonly preset: Preset | null;
  readonly isWindowing: boolean;
  /** The next drag chooses the region that sets the window. Afterwards the former tool is back. */
  readonly isRegionNext: boolean;
  readonly isInverted: boolean;
  /** Whether only the film is shown, without masks and layers. */
  readonly isOnlyFilmShown: boolean;
  readonly layers: Readonly<Record<LayerName, boolean>>;
};

/** Whether a case was submitted before. Its last submission counts until the next one. */
export const isReopened = (current: Case | null) => (current?.times_submitted ?? 0) > 0;

/** What a new case resets. */
export const FRESH_FILM = {
  notice: "",
  isBusy: false,
  hasFilm: false,
  preset: null,
  orientation: UPRIGHT,
  isWindowing: false,
  isRegionNext: false,
  isInverted: false,
  isOnlyFilmShown: false,
} as const;

export const INITIAL_FILM: FilmState = {
  ...FRESH_FILM,
  phase: "loading",
  message: "",
  current: null,
  view: EMPTY_VIEWPORT,
  window: { center: 128, width: 256 },
  layers: { infection: false, activation: false, lung: false, disagreement: false },
};
