/** What a verb of the room is: its name, its keys, its place, and what it does. */

import { words } from "../../words";
import type { ActionHandlers } from "./handlers";
import type { RoomState } from "./state";

export type Place =
  | "tool"
  | "view"
  | "film"
  | "cleanup"
  | "edit"
  | "case"
  | "verdict"
  | "candidate"
  | "header"
  | "help";

/** The actions that the catalogue of words names. */
export type ActionId = keyof typeof words.actions;

export type Action = {
  readonly id: string;
  /** The accessible name; it ends with the key where the surface promises that. */
  readonly name: string;
  readonly label?: string;
  readonly keys: readonly string[];
  readonly place: Place;
  readonly icon?: string;
  /** Whether a key that is held goes on. */
  readonly repeats?: boolean;
  readonly isOn?: (state: RoomState) => boolean;
  readonly isEnabled?: (state: RoomState) => boolean;
  /** Of two that take turns in one place, the one that is there. */
  readonly isShown?: (state: RoomState) => boolean;
  readonly perform: (handlers: ActionHandlers, state: RoomState) => void;
};

/** An action before the catalogue of words has named it: an id that has no name there is an error. */
export type Unnamed = Omit<Action, "id" | "name" | "label"> & {
  readonly id: ActionId;
};

export const named = (action: Unnamed): Action => ({ ...words.actions[action.id], ...action });

/** Whether the mask may be changed now. */
export const isReading = (state: RoomState) => state.phase === "reading" && !state.isBusy;
