/** All that the room shows: the parts of film, drawing, saving and comparing as one value. */

import type { ComparedFilm } from "../../api/types";
import {
  type DrawingGround,
  type DrawingState,
  FRESH_DRAWING,
  INITIAL_DRAWING,
} from "../drawing/state";
import type { Store } from "../page/store";
import { FRESH_SAVING, type SavingState } from "../saving/state";

/** The patient's other films, by day, and the one that is shown beside the case. */
export type Comparison = {
  readonly films: readonly ComparedFilm[];
  readonly chosen: number;
  readonly hasFilm: boolean;
  readonly problem: string;
};

export type RoomState = DrawingState &
  SavingState & {
    /** Letters, digits and signs act only while the film has the focus. */
    readonly keysNeedFilm: boolean;
    /** Whether the reader wants another film beside each case that has one. */
    readonly isComparing: boolean;
    /** Null until the comparison is wanted and the list of films has been loaded. */
    readonly comparison: Comparison | null;
  };

/** What the panels see of the room: the shown state and the open case. */
export type ShownRoom = Pick<DrawingGround, "openCase"> & { readonly store: Store<RoomState> };

/** How pen, fingers and keys work: the settings that the browser keeps. */
export const PREFERENCES = ["fingerPans", "usesPressure", "keysNeedFilm"] as const;
export type Preferences = Pick<RoomState, (typeof PREFERENCES)[number]>;

export function isCompareShown(state: RoomState): boolean {
  return state.isComparing && state.phase === "reading" && state.current?.has_comparisons === true;
}

/** What a new case resets. Tools, looks and settings stay as the reader set them. */
export const FRESH_CASE = { ...FRESH_DRAWING, ...FRESH_SAVING, comparison: null } as const;

export const INITIAL_STATE: RoomState = {
  ...INITIAL_DRAWING,
  ...FRESH_CASE,
  outgoing: null,
  isComparing: false,
  keysNeedFilm: false,
};
